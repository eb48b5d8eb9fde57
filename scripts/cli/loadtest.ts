import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Load } from '#shared/testing/load.ts';
import { bar, fitted, table } from './table.ts';

/** More errors than this share of what was asked are an alarm. */
const MOST_ERRORS = 0.05;
const AIMS = { own_p99_ms: 200, total_p99_ms: 2000 };

export function loadtest(program: Command): void {
  program
    .command('loadtest')
    .description(
      'Try how this machine bears many chats at once, in a house of its own, with a model that only waits.',
    )
    .option('--chats <n>', 'how many chats', positive, 100)
    .option('--minutes <n>', 'for how long', positive, 2)
    .option('--median-ms <n>', "the model's usual time to an answer", positive, 600)
    .option('--think-ms <n>', 'the shortest time between an answer and the next message', positive, 1000)
    .option('--seed <n>', 'the same seed, the same times', positive, 1)
    .option('--sources', 'run the sources instead of the bundles')
    .option('--json', 'print the figures as JSON')
    .action(async (options: Options) => {
      const { load } = await import('#shared/testing/load.ts');
      const result = await load({
        chats: options.chats,
        minutes: options.minutes,
        median_ms: options.medianMs,
        p99_ms: options.medianMs * 2.25,
        think_ms: options.thinkMs,
        seed: options.seed,
        bundled: !options.sources,
        progress(asked, answered) {
          if (process.stderr.isTTY) process.stderr.write(`\r${asked} asked, ${answered} answered `);
        },
      });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      const figures = figuresOf(result);
      if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
      else process.stdout.write(report(result, figures));
      if (figures.error_share > MOST_ERRORS) process.exitCode = 1;
    });
}

type Options = {
  chats: number;
  minutes: number;
  medianMs: number;
  thinkMs: number;
  seed: number;
  sources?: boolean;
  json?: boolean;
};

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError(`expected a number above 0, got '${value}'`);
  return number;
}

const quantile = (values: readonly number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;

export function figuresOf(load: Load) {
  const { asked, answered, late, doubled, seconds, answers, tokens, rss_bytes } = load;
  const of = (values: number[]) => ({
    p50: Math.round(quantile(values, 0.5)),
    p95: Math.round(quantile(values, 0.95)),
    p99: Math.round(quantile(values, 0.99)),
    max: Math.round(Math.max(...values)),
  });
  const mean = tokens.reduce((sum, one) => sum + one, 0) / Math.max(1, tokens.length);
  const variance = tokens.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, tokens.length);
  return {
    asked,
    answered,
    late,
    doubled,
    error_share: asked === 0 ? 1 : (asked - answered) / asked,
    answers_per_s: answered / seconds,
    total_ms: of(answers.map(({ total_ms }) => total_ms)),
    own_ms: of(answers.map(({ own_ms }) => own_ms)),
    tokens: {
      mean: Math.round(mean),
      variance: Math.round(variance),
      deviation: Math.round(Math.sqrt(variance)),
    },
    rss_mb: Object.fromEntries(
      Object.entries(rss_bytes).map(([name, bytes]) => [name, Math.round(bytes / 2 ** 20)]),
    ),
  };
}

function report(load: Load, figures: ReturnType<typeof figuresOf>): string {
  const row = (name: string, { p50, p95, p99, max }: typeof figures.own_ms, aim: number) => {
    const verdict = p99 <= aim ? 'kept' : 'missed';
    return [name, `${p50}`, `${p95}`, `${p99}`, `${max}`, `p99 ≤ ${aim}: ${verdict}`];
  };
  const errors = `${(100 * figures.error_share).toFixed(1)} %`;
  const alarm =
    figures.error_share > MOST_ERRORS ? '  ALARM: more than 5 % of the messages had no answer\n' : '';
  return [
    `${figures.asked} asked, ${figures.answered} answered (${figures.answers_per_s.toFixed(1)}/s), ${figures.late} late, ${figures.doubled} doubled: ${errors} errors\n${alarm}\n`,
    table(
      ['milliseconds', '>p50', '>p95', '>p99', '>max', 'aim'],
      [
        row('message to reply', figures.total_ms, AIMS.total_p99_ms),
        row('without the model', figures.own_ms, AIMS.own_p99_ms),
      ],
    ),
    `\ntokens per request: ${figures.tokens.mean} on average, variance ${figures.tokens.variance} (± ${figures.tokens.deviation})\n`,
    `memory: ${Object.entries(figures.rss_mb)
      .map(([name, mb]) => `${name} ${mb} MB`)
      .join(', ')}\n\n`,
    histogram(load.answers.map(({ total_ms }) => total_ms)),
  ].join('');
}

const STEPS_ms = [200, 400, 600, 800, 1000, 1200, 1400, 1600, 2000, 5000, Number.POSITIVE_INFINITY];

/** How many replies took how long. */
function histogram(total_ms: readonly number[]): string {
  const counts = STEPS_ms.map(
    (to, i) => total_ms.filter((ms) => ms <= to && ms > (STEPS_ms[i - 1] ?? Number.NEGATIVE_INFINITY)).length,
  );
  const most = Math.max(1, ...counts);
  return fitted(60, (width) =>
    table(
      ['replies within', '>count', ''],
      STEPS_ms.map((to, i) => [
        Number.isFinite(to) ? `${to} ms` : 'more',
        `${counts[i]}`,
        bar((counts[i] ?? 0) / most, width),
      ]),
    ),
  );
}
