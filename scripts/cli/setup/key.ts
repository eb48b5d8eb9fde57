/** The first step: who answers. A key of Anthropic's, a server on this machine, or for now the rehearsal model. */

import { Misconfigured } from '#shared/base/errors.ts';
import { PRESET_ALIASES, PRICE_REV } from '#shared/base/models.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import type { Home } from '#shared/runtime/home.ts';
import { cost_nanousd, FREE, priceOf } from '../../../services/router/price.ts';
import { keepSecret } from '../../host/secrets.ts';
import { ANTHROPIC, checkKey, look } from '../reach.ts';
import { withoutTable, withTable } from '../toml.ts';
import { given } from './answers.ts';
import { editConfig } from './edit.ts';
import { renew } from './house.ts';
import type { Visit } from './step.ts';

/** Where such servers listen unless told otherwise, and where each lists its models. */
const LOCAL = [
  { name: 'ollama', title: 'Ollama', root: 'http://127.0.0.1:11434', list: '/api/tags' },
  { name: 'lmstudio', title: 'LM Studio', root: 'http://127.0.0.1:1234', list: '/v1/models' },
];
/** A server of this machine answers at once, or is not there. */
const PROBE_ms = 700;

export type Local = { name: string; title: string; root: string; models: string[] };

/** Those that run on this machine and have a model. */
export async function findLocal(places = LOCAL): Promise<Local[]> {
  const found = await Promise.all(
    places.map(async ({ list, ...place }) => {
      const seen = await look(place.root + list, {}, PROBE_ms).catch(() => null);
      const { models, data } = (seen?.said ?? {}) as {
        models?: { name?: unknown }[];
        data?: { id?: unknown }[];
      };
      const names = [...(models ?? []).map(({ name }) => name), ...(data ?? []).map(({ id }) => id)];
      return { ...place, models: names.filter((name) => typeof name === 'string') };
    }),
  );
  return found.filter(({ models }) => models.length > 0);
}

/** A day of ordinary use: so many messages, two calls each, most of the prompt from the cache. */
export const USE = { messages: 30, calls: 2, fresh_tokens: 1000, cached_tokens: 5000, answer_tokens: 400 };

/** What such a month costs at list prices. */
export function monthly_usd(at_ms: number): number {
  const price = priceOf(PRESET_ALIASES.default.targets[0], at_ms, {}) ?? FREE;
  const one = cost_nanousd(price, {
    input_tokens: 0,
    output_tokens: USE.answer_tokens,
    cache_read_tokens: USE.cached_tokens,
    cache_write_5m_tokens: USE.fresh_tokens,
    cache_write_1h_tokens: 0,
    web_searches: 0,
  });
  return (30 * USE.messages * USE.calls * one) / 1e9;
}

/** The text of config.toml with this server as a provider that costs nothing. `alone`: it answers everything. */
export function withLocal(text: string, { name, root }: Local, model: string, alone: boolean): string {
  const target = `${name}/${model}`;
  const aliases = Object.fromEntries(
    Object.entries(PRESET_ALIASES).map(([alias, { targets }]) => [
      alias,
      alone ? [target] : [...targets, target],
    ]),
  );
  const free = ['router', 'aliases'];
  const provider = ['router', 'providers', name];
  let edited = text;
  for (const path of [free, provider]) if (has(edited, path)) edited = withoutTable(edited, path);
  edited = withTable(edited, provider, { base_url: root, free: true, without: ['documents'] });
  return withTable(edited, free, aliases);
}

function has(text: string, path: readonly string[]): boolean {
  return RegExp(`^[ \\t]*\\[[ \\t]*${path.join('\\.')}[ \\t]*\\]`, 'm').test(text);
}

export async function key(visit: Visit): Promise<boolean> {
  const { home, desk, answers } = visit;
  const told = answers.key;
  const locals = await desk.during('Looking for Ollama and LM Studio on this machine', findLocal());
  const known = readSecret(home, 'anthropic');
  const handed = given(told.key, told.key_file);
  const use =
    told.use ??
    (await desk.choose(
      'Who shall answer?',
      [
        { value: 'anthropic', label: 'Claude, with a key from console.anthropic.com' },
        ...locals.map(({ name, title, models }) => ({
          value: name,
          label: `${title}, on this machine: free`,
          hint: models.slice(0, 3).join(', '),
        })),
        { value: 'rehearsal', label: 'Nobody yet: the rehearsal model, an echo' },
      ],
      handed !== undefined || known?.ANTHROPIC_API_KEY !== undefined || desk.asks ? 'anthropic' : 'rehearsal',
    ));
  if (use === 'rehearsal') {
    desk.say(
      'The rehearsal model answers, free and without any sense. vigil setup --again key changes that.',
    );
    return true;
  }
  if (use !== 'anthropic') {
    const local = locals.find(({ name }) => use === 'local' || name === use);
    if (!local)
      throw new Misconfigured(
        'setup: no local server with a model answers',
        'start Ollama (11434) or LM Studio (1234), and get a model',
      );
    await useLocal(home, desk, local, told.model, true);
    await renew(visit, ['router']);
    return true;
  }
  const endpoint = told.endpoint ?? known?.ANTHROPIC_BASE_URL ?? ANTHROPIC;
  desk.say(estimate(Date.now()));
  const prepared = handed ?? (await desk.keep('There is a key already. Keep it?', known?.ANTHROPIC_API_KEY));
  const taken = await askKey({ desk, prepared, endpoint });
  if (taken === null) return false;
  keepSecret(home, 'anthropic', {
    ANTHROPIC_API_KEY: taken,
    ANTHROPIC_BASE_URL: endpoint === ANTHROPIC ? undefined : endpoint,
  });
  desk.say(`The key is good. It is in ${home.credentials}/anthropic.env, which nobody else can read.`);
  const [local] = locals;
  if (local && desk.asks) {
    const both = await desk.choose(
      `${local.title} is on this machine too. Shall it answer when Claude cannot?`,
      [
        { value: 'yes', label: 'Yes' },
        { value: 'no', label: 'No' },
      ],
      'no',
    );
    if (both === 'yes') await useLocal(home, desk, local, told.model, false);
  }
  await renew(visit, ['router']);
  return true;
}

/** Until it is good; null: put off. Without anybody to ask, the first fault is the last. */
async function askKey({
  desk,
  prepared,
  endpoint,
}: { prepared: string | undefined; endpoint: string } & Pick<Visit, 'desk'>): Promise<string | null> {
  let key = prepared;
  for (;;) {
    key ??= await desk.secret('The key', "key_file = '…' below [key] into the answers", (value) =>
      /^\S{8,}$/.test(value) ? undefined : 'expected one word: sk-ant-…',
    );
    try {
      await desk.during('Asking whether the key is good', checkKey(key, endpoint));
      return key;
    } catch (error) {
      if (!(error instanceof Misconfigured) || !desk.asks) throw error;
      desk.warn(error.message);
    }
    const next = await desk.choose(
      'And now?',
      [
        { value: 'other', label: 'Type a key' },
        { value: 'again', label: 'Try this one again' },
        { value: 'later', label: 'Later: the rehearsal model answers until then' },
      ],
      'other',
    );
    if (next === 'later') return null;
    if (next === 'other') key = undefined;
  }
}

async function useLocal(
  home: Home,
  desk: Visit['desk'],
  local: Local,
  wanted: string | undefined,
  alone: boolean,
): Promise<void> {
  const [first = ''] = local.models;
  if (wanted !== undefined && !local.models.includes(wanted))
    throw new Misconfigured(
      `setup: ${local.title} has no model ${wanted}`,
      `name one of ${local.models.join(', ')}`,
    );
  const model =
    wanted ??
    (await desk.choose(
      'Which model?',
      local.models.map((value) => ({ value, label: value })),
      first,
    ));
  editConfig(home, (text) => withLocal(text, local, model, alone));
  desk.say(`${local.title} answers with ${model}${alone ? '' : ' when Claude cannot'}. It costs nothing.`);
}

function estimate(at_ms: number): string {
  const usd = monthly_usd(at_ms);
  return (
    `About $${usd < 10 ? usd.toFixed(1) : Math.round(usd)} a month for ${USE.messages} messages a day, at the list prices of ` +
    `${PRICE_REV}; long tasks cost more. A budget stops it, which you set in a moment.`
  );
}
