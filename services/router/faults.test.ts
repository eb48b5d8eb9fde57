/**
 * Every fault of a provider, for every way of asking: what the client sees, who was asked how often, and what the ledger
 * charges. The outcomes are the table docs/router-faults.md: a run that differs from it fails, and
 * `node services/router/faults.test.ts --write` writes it anew.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { startChatApi } from '#shared/testing/chat-api.ts';
import { buildHouse, type House, RAISED } from '#shared/testing/house.ts';
import { startMessagesApi } from '#shared/testing/messages-api.ts';
import type { Billed } from '#shared/testing/messages-bill.ts';
import type { Fault } from '#shared/testing/messages-faults.ts';
import { freePort } from '#shared/testing/ports.ts';
import { until } from '#shared/testing/scratch.ts';

const TABLE = join(root, 'docs/router-faults.md');
const WORDS = 'one two three four five six seven eight nine ten';
const CHAT_KEY = 'sk-chat-test-key';
const HUGE_bytes = 64 * 2 ** 20;
const SETTINGS = { retries: 3, deadline_s: 12, idle_s: 1 };

/** A provider that goes wrong: each cell has a model of its own there, so that neither faults nor breakers mix. */
const KINDS = ['anthropic', 'openai'] as const;
type Kind = (typeof KINDS)[number];
const ASKED = ['stream', 'plain'] as const;
type How = (typeof ASKED)[number];
/** `once`: the fault strikes one call. `lasting`: every one. `fallback`: every one, and there is a second provider. */
const CASES = ['once', 'lasting', 'fallback'] as const;
type Case = (typeof CASES)[number];

type Strike = Fault | 'refused';
/** What strikes a call; null where there is no such thing. */
type Row = { fault: string; strike: (kind: Kind, how: How) => Strike | null };

const error = (fault: string, strike: Fault): Row => ({ fault, strike: () => strike });
const inStream = (fault: string, kind: Fault['kind'], content: boolean): Row => ({
  fault,
  // Chunks of Chat Completions: the role, then the words. Events of Messages: the start of the message, of the block …
  strike: (of, how) =>
    how === 'plain' ? null : { kind, after_events: !content ? 1 : of === 'openai' ? 3 : 5 },
});

const ROWS: readonly Row[] = [
  { fault: 'connection refused', strike: () => 'refused' },
  error('connection reset before any header', { kind: 'reset' }),
  error('400', { kind: 'invalid_request_error' }),
  error('400 "You have reached your specified … usage limits"', {
    kind: 'invalid_request_error',
    message:
      'You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
  }),
  error('401', { kind: 'authentication_error' }),
  error('403', { kind: 'permission_error' }),
  error('404', { kind: 'not_found_error' }),
  error('408', { kind: 'status', status: 408 }),
  error('409', { kind: 'conflict_error' }),
  error('413', { kind: 'request_too_large' }),
  error('429', { kind: 'rate_limit_error' }),
  error('429 with retry-after: 1', { kind: 'rate_limit_error', retry_after_s: 1 }),
  error('429 of a spend limit', { kind: 'rate_limit_error', error_code: 'enforced_spend_limit_reached' }),
  error('500', { kind: 'api_error' }),
  error("502 as a proxy's page of HTML", { kind: 'status', status: 502, html: true }),
  error('529', { kind: 'overloaded_error' }),
  inStream('overloaded event before any content', 'error_event', false),
  inStream('overloaded event in the middle', 'error_event', true),
  inStream('cut before any content', 'cut', false),
  { fault: 'cut in the middle', strike: (of, how) => middle('cut', of, how) },
  inStream('ended early, before any content', 'early_end', false),
  { fault: 'ended early, in the middle', strike: (of, how) => middle('early_end', of, how) },
  inStream('malformed before any content', 'malformed', false),
  { fault: 'malformed in the middle', strike: (of, how) => middle('malformed', of, how) },
  error('no header ever', { kind: 'hang' }),
  error('silent after the headers', { kind: 'stall', after_events: 0 }),
  { fault: 'silent in the middle', strike: (of, how) => middle('stall', of, how) },
  error('slow drip', { kind: 'drip', drip_bytes: 40 }),
  {
    fault: 'an answer of 64 MB',
    strike: (of) => (of === 'openai' ? null : { kind: 'huge', huge_bytes: HUGE_bytes }),
  },
];

function middle(kind: Fault['kind'], of: Kind, how: How): Fault {
  return { kind, after_events: how === 'plain' ? 1 : of === 'openai' ? 3 : 5 };
}

type Cell = { model: string; row: Row; kind: Kind; how: How; which: Case; strike: Strike };

const cells: Cell[] = ROWS.flatMap((row, i) =>
  KINDS.flatMap((kind) =>
    ASKED.flatMap((how) =>
      CASES.flatMap((which) => {
        const strike = row.strike(kind, how);
        // Nobody starts listening between two tries; and one answer of 64 MB is enough for a test.
        if (!strike || (which === 'once' && (strike === 'refused' || strike.kind === 'huge'))) return [];
        return { model: `claude-${i}-${kind}-${how}-${which}`, row, kind, how, which, strike };
      }),
    ),
  ),
);

const primary = ({ kind, strike }: Cell) => (strike === 'refused' ? `nobody-${kind}` : kind);

let house: House;
let spare: Awaited<ReturnType<typeof startMessagesApi>>;
let chat: Awaited<ReturnType<typeof startChatApi>>;
let key: string;

before(async () => {
  [spare, chat] = await Promise.all([startMessagesApi({ key: 'none' }), startChatApi({ key: CHAT_KEY })]);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const provider = (name: string, kind: Kind, url: string) =>
    `[router.providers.${name}]\nkind = "${kind}"\nbase_url = "${url}"\n${kind === 'openai' ? 'keys = ["CHAT_KEY"]\n' : ''}`;
  const behind = (cell: Cell) => [
    `${primary(cell)}/${cell.model}`,
    ...(cell.which === 'fallback' ? [`spare/${cell.model}`] : []),
  ];
  house = await buildHouse({
    telegram: false,
    config: [
      `[model]\nidle_s = ${SETTINGS.idle_s}\n${RAISED}`,
      `[router]\nretries = ${SETTINGS.retries}\ndeadline_s = ${SETTINGS.deadline_s}\n`,
      provider('openai', 'openai', `${chat.root}/v1`),
      provider('spare', 'anthropic', spare.root),
      provider('nobody-anthropic', 'anthropic', nobody),
      provider('nobody-openai', 'openai', `${nobody}/v1`),
      ...cells.map(({ model }) => `[router.prices.${model}]\ninput = 1\noutput = 5\n`),
      ...cells.map((cell) => `[router.aliases.${cell.model}]\ntargets = ${JSON.stringify(behind(cell))}\n`),
    ].join(''),
  });
  for (const api of [house.model, spare, chat]) api.script(() => WORDS);
  // Each piece arrives by itself: what comes together with nonsense is not passed on.
  for (const api of [house.model, chat]) api.latency({ per_chunk_ms: 20 });
  for (const { model, kind, which, strike } of cells) {
    if (strike === 'refused') continue;
    const fault = { ...strike, model, ...(which === 'once' ? { calls: 1 } : {}) };
    (kind === 'openai' ? chat : house.model).fault(fault);
  }
  writeFileSync(join(house.home.credentials, 'providers.env'), `CHAT_KEY=${CHAT_KEY}\n`, { mode: 0o600 });
  key = await house.accessKey();
  await house.serve('router');
});

after(async () => {
  await house.close();
  await spare.close();
  await chat.close();
});

/** What the client gets, in words; and never a stream that ends as if it were whole when it is not. */
async function ask({ model, how, row }: Cell): Promise<{ sees: string; answer: Response }> {
  const answer = await fetch(`http://127.0.0.1:${house.port}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': key },
    body: JSON.stringify({
      model,
      max_tokens: 64,
      stream: how === 'stream',
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  const text = await answer.text();
  if (answer.status !== 200) {
    assert.equal(answer.headers.get('content-type'), 'application/json', text);
    const said = JSON.parse(text) as { type: string; error: Said; request_id: string };
    assert.equal(said.type, 'error');
    assert.ok(said.error.message.length > 5, `a reason: ${text}`);
    assert.match(said.request_id, /^\S{10,}$/);
    return { sees: `${answer.status} ${said.error.type}`, answer };
  }
  const whole = (words: string) =>
    row.fault.includes('64 MB') && words !== WORDS
      ? assert.equal(words.length, HUGE_bytes)
      : assert.equal(words, WORDS);
  if (how === 'plain') {
    const said = JSON.parse(text) as { type: string; content: { text: string }[] };
    assert.equal(said.type, 'message');
    whole(said.content.map((block) => block.text).join(''));
    return { sees: 'the answer', answer };
  }
  const events = text.split('\n\n').filter((event) => event.trim() !== '');
  assert.ok(text.endsWith('\n\n'), 'the last event is whole');
  const told = events.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '{}') as StreamEvent);
  const words = told.map(({ delta }) => delta?.text ?? '').join('');
  const last = told.at(-1);
  if (last?.type === 'error') {
    assert.ok(WORDS.startsWith(words) && words !== WORDS, `a part of the answer: ${words}`);
    assert.equal(told.filter(({ type }) => type === 'error').length, 1);
    return { sees: `a part, then an error event: ${last.error?.type}`, answer };
  }
  assert.equal(last?.type, 'message_stop', 'no clean end of a broken stream');
  assert.equal(told.filter(({ type }) => type === 'message_start').length, 1);
  whole(words);
  return { sees: 'the answer', answer };
}

type Said = { type: string; message: string };
type StreamEvent = { type: string; delta?: { text?: string }; error?: Said };

type Attempt = {
  target: string;
  outcome: string;
  estimated: number;
  hold_nanousd: number;
  cost_nanousd: number;
};

/** At the price of every model here. */
const price_nanousd = (billed: Billed) => billed.input_tokens * 1000 + billed.output_tokens * 5000;

/** What the providers charge for a cell. */
function billOf({ model }: Cell): number {
  return [...house.model.calls(), ...spare.calls(), ...chat.calls()]
    .filter(({ body }) => (body as { model?: string } | undefined)?.model === model)
    .reduce((sum, { billed }) => sum + price_nanousd(billed), 0);
}

const charge = ({ estimated, hold_nanousd, cost_nanousd }: Attempt): string =>
  !estimated
    ? cost_nanousd === 0
      ? 'nothing'
      : 'what it used'
    : cost_nanousd === hold_nanousd
      ? 'all that it could cost'
      : 'at most what came';

type Outcome = { sees: string; attempts: string; charged: string };
const outcomes = new Map<string, Outcome>();

async function outcomeOf(cell: Cell): Promise<Outcome> {
  const { sees, answer } = await ask(cell);
  const attempts = await until('every attempt is settled', async () => {
    const rows = await house.read<Attempt & { state: string }>(
      'SELECT * FROM call WHERE alias = ? ORDER BY attempt',
      cell.model,
    );
    return rows.length > 0 && rows.every(({ state }) => state === 'settled') ? rows : null;
  });
  assert.equal(answer.headers.get('x-vigil-attempts'), String(attempts.length));
  assert.equal(answer.headers.get('x-vigil-target'), attempts.at(-1)?.target);
  assert.equal(answer.headers.get('x-vigil-alias'), cell.model);
  const cost = attempts.reduce((sum, { cost_nanousd }) => sum + cost_nanousd, 0);
  const bill = billOf(cell);
  if (attempts.some(({ estimated }) => estimated)) {
    assert.ok(cost >= bill, `the ledger has ${cost} nanousd, the providers charge ${bill}`);
  } else assert.equal(cost, bill, 'to the nano-dollar');
  const first = attempts.filter(({ target }) => !target.startsWith('spare/'));
  const other = attempts.length - first.length;
  const [failed = attempts[0]] = first;
  return {
    sees: other > 0 && sees === 'the answer' ? 'the answer of the second' : sees,
    attempts: other > 0 ? `${first.length} + ${other}` : `${first.length}`,
    charged: failed ? charge(failed) : '',
  };
}

const PROMISE =
  'whatever goes wrong at a provider, the client gets a whole answer or hears the cause, and all that was used is paid for';

const isHuge = ({ strike }: Cell) => strike !== 'refused' && strike.kind === 'huge';
const slow = ({ strike }: Cell) =>
  strike !== 'refused' && (strike.kind === 'hang' || strike.kind === 'stall');

// The slow ones first, and not all at once: a second of silence shall be the provider's, and not this machine's.
const light = cells.filter((cell) => !isHuge(cell)).toSorted((a, b) => Number(slow(b)) - Number(slow(a)));
describe(PROMISE, { concurrency: 48 }, () => prove(light));
describe(`${PROMISE}, however long the answer is`, () => {
  before(() => house.model.latency({}));
  prove(cells.filter(isHuge));
});

function prove(some: readonly Cell[]): void {
  for (const cell of some) {
    const { row, kind, how, which, model } = cell;
    test(`${row.fault}, ${kind}, ${how}, ${which}`, async () => {
      outcomes.set(model, await outcomeOf(cell));
    });
  }
}

test('the table of the docs tells what happens', () => {
  const written = table();
  assert.equal(outcomes.size, cells.length, 'every cell has its outcome');
  if (process.argv.includes('--write')) writeFileSync(TABLE, written);
  assert.equal(
    readFileSync(TABLE, 'utf8'),
    written,
    'node services/router/faults.test.ts --write brings docs/router-faults.md up to date',
  );
});

function table(): string {
  const lines = ROWS.flatMap((row) =>
    ASKED.flatMap((how) => {
      const told = KINDS.map((kind) => line(row, kind, how));
      const [anthropic, openai] = told;
      if (anthropic === openai) return anthropic === null ? [] : [`| ${row.fault} | ${how} | ${anthropic} |`];
      return KINDS.flatMap((kind, i) =>
        told[i] === null ? [] : [`| ${row.fault} | ${how}, ${kind} | ${told[i]} |`],
      );
    }),
  );
  return `${HEAD}${lines.join('\n')}\n`;
}

function line(row: Row, kind: Kind, how: How): string | null {
  const [once, lasting, fallback] = CASES.map((which) => {
    const cell = cells.find(
      (of) => of.row === row && of.kind === kind && of.how === how && of.which === which,
    );
    return cell && outcomes.get(cell.model);
  });
  if (!lasting || !fallback) return null;
  return [
    once ? `${once.sees} (${once.attempts})` : '–',
    lasting.sees,
    lasting.attempts,
    fallback.sees,
    fallback.attempts,
    lasting.charged,
  ].join(' | ');
}

const HEAD = `# What a client sees when a provider fails

Generated by \`node services/router/faults.test.ts --write\` from what happened in its own run, with the suite's real
router between a client and providers that fail; \`npm test\` fails when this page is not what happens.

Here a call is tried again ${SETTINGS.retries} times at most (\`[router] retries\`), may take ${SETTINGS.deadline_s} s (\`deadline_s\`), and its stream may be silent for
${SETTINGS.idle_s} s (\`[model] idle_s\`).

- *asked*: as a stream or in one piece; and the kind of the provider, where it makes a difference.
- *once*: the fault strikes the first attempt alone; in brackets, how many attempts were made.
- *lasts*: the fault strikes every attempt, and there is one target, or a second to fall back to. *2 + 1*: two attempts
  at the first target, one at the second.
- *a failed attempt is charged*: in the ledger and the budgets, for an attempt that the fault struck. What it used is
  known only when the provider says it; else the ledger has the most that it can be.

| fault | asked | once: client sees | lasts, one target: client sees | attempts | lasts, with a fallback: client sees | attempts | a failed attempt is charged |
|---|---|---|---|---|---|---|---|
`;
