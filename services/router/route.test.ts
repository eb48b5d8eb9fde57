import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { ApiError } from '#shared/messages/error.ts';
import { config } from './config.ts';
import { providersOf } from './provider.ts';
import { routesOf } from './route.ts';

const NOW = Date.UTC(2026, 10, 22);

/** The routes of a config of [router], as the owner writes it. */
async function routes(router: object = {}) {
  const own = config.parse(router);
  const secrets = { anthropic: { ANTHROPIC_API_KEY: 'k' }, providers: { A: 'a', B: 'b', C: 'c' } };
  const providers = await providersOf(own.providers, secrets, () => assert.fail('there is a key'));
  return routesOf(own, providers, () => NOW);
}

/** Where an alias or model goes: the targets' names, rank by rank. */
async function ranksOf(model: string, router: object = {}) {
  const route = (await routes(router)).of({ model, task: null, request: {} });
  return route.ranks.map((rank) => rank.map(({ name }) => name));
}

async function complaint(router: object): Promise<string> {
  try {
    await routes(router);
  } catch (error) {
    assert.ok(error instanceof Misconfigured, String(error));
    return error.message;
  }
  assert.fail('nobody complained');
}

const local = { base_url: 'http://127.0.0.1:11434/', free: true };
const several = {
  base_url: 'https://example.com',
  keys: ['A', { variable: 'B', organisation: 'second' }, { variable: 'C', organisation: 'second' }],
};

test('without a word in the config there are six aliases, two of each tier', async () => {
  const { aliases } = await routes();
  assert.deepEqual(
    [...aliases.values()].map(({ alias, tier, ranks }) => [
      alias,
      tier,
      ranks.flat().map(({ name }) => name),
    ]),
    [
      ['quick', 'fast', ['anthropic/claude-haiku-5-5']],
      ['classify', 'fast', ['anthropic/claude-haiku-5-5']],
      ['default', 'standard', ['anthropic/claude-sonnet-5-5']],
      ['write', 'standard', ['anthropic/claude-sonnet-5-5']],
      ['deep', 'complex', ['anthropic/claude-opus-5-5']],
      ['review', 'complex', ['anthropic/claude-opus-5-5']],
    ],
  );
});

test('an alias of the six that is set keeps its tier, one of one’s own is standard, and the rest stay', async () => {
  const { aliases } = await routes({ aliases: { deep: ['claude-sonnet-5-5'], mine: ['claude-haiku-5-5'] } });
  assert.equal(aliases.get('deep')?.tier, 'complex');
  assert.equal(aliases.get('mine')?.tier, 'standard');
  assert.equal(aliases.size, 7);
});

test('a list within the list holds equals, with their weights', async () => {
  const { aliases } = await routes({
    providers: { local },
    aliases: {
      mine: ['claude-opus-5-5', [{ target: 'claude-haiku-5-5', weight: 3 }, 'local/llama'], 'local/qwen'],
    },
  });
  assert.deepEqual(
    aliases.get('mine')?.ranks.map((rank) => rank.map(({ name, weight }) => `${name} ${weight}`)),
    [['anthropic/claude-opus-5-5 1'], ['anthropic/claude-haiku-5-5 3', 'local/llama 1'], ['local/qwen 1']],
  );
});

test('keys of several organisations are several targets, keys of one are one', async () => {
  const settings = { providers: { several }, aliases: { mine: ['several/claude-haiku-5-5'] } };
  assert.deepEqual(await ranksOf('mine', settings), [
    ['several/claude-haiku-5-5/A', 'several/claude-haiku-5-5/second'],
  ]);
  const [, second] = (await routes(settings)).aliases.get('mine')?.ranks[0] ?? [];
  assert.deepEqual(second?.account, { organisation: 'second', keys: ['b', 'c'] });
});

test('a provider is what stands before the first slash, if there is one of that name; a model may hold slashes', async () => {
  const settings = { providers: { local } };
  assert.deepEqual(await ranksOf('local/meta/llama-4', settings), [['local/meta/llama-4']]);
  assert.deepEqual(await ranksOf('meta/llama-4', settings), [['anthropic/meta/llama-4']]);
  assert.deepEqual(await ranksOf('anthropic/claude-haiku-5-5', settings), [['anthropic/claude-haiku-5-5']]);
  assert.deepEqual(await ranksOf('/x', settings), [['anthropic//x']]);
});

test('when none of an alias can answer, the ranks of the cheaper one follow, and of that one’s in turn', async () => {
  const settings = {
    providers: { local },
    aliases: {
      deep: { targets: ['claude-opus-5-5'], otherwise: 'default' },
      default: { targets: ['claude-sonnet-5-5'], otherwise: 'quick' },
      quick: { targets: ['claude-haiku-5-5', 'local/llama'] },
    },
  };
  assert.deepEqual(await ranksOf('deep', settings), [
    ['anthropic/claude-opus-5-5'],
    ['anthropic/claude-sonnet-5-5'],
    ['anthropic/claude-haiku-5-5'],
    ['local/llama'],
  ]);
});

for (const [what, settings, expected] of [
  [
    'an otherwise that leads to itself',
    { aliases: { mine: { targets: ['claude-haiku-5-5'], otherwise: 'mine' } } },
    /aliases\] mine: otherwise: leads back to 'mine'\n {2}cure: name an alias of a cheaper tier/,
  ],
  [
    'an otherwise that goes in a circle',
    {
      aliases: {
        default: { targets: ['claude-haiku-5-5'], otherwise: 'quick' },
        quick: { targets: ['claude-haiku-5-5'], otherwise: 'default' },
      },
    },
    /otherwise: leads back to/,
  ],
  [
    'an otherwise of the same tier',
    { aliases: { write: { targets: ['claude-sonnet-5-5'], otherwise: 'default' } } },
    /aliases\] write: otherwise: 'default' is of the tier standard, which is not cheaper than standard\n {2}cure: .*fast < standard < complex/,
  ],
  [
    'an otherwise of a dearer tier',
    { aliases: { quick: { targets: ['claude-haiku-5-5'], otherwise: 'default' } } },
    /'default' is of the tier standard, which is not cheaper than fast/,
  ],
  [
    'an otherwise that is not there',
    { aliases: { mine: { targets: ['claude-haiku-5-5'], otherwise: 'nobody' } } },
    /aliases\] mine: otherwise: there is no alias 'nobody'\n {2}cure: name one of quick, classify, .*, mine/,
  ],
  [
    'an otherwise that is a word of the language',
    { aliases: { mine: { targets: ['claude-haiku-5-5'], otherwise: 'constructor' } } },
    /there is no alias 'constructor'/,
  ],
  [
    'a dearer model behind a cheaper one',
    { aliases: { mine: ['claude-haiku-5-5', 'claude-opus-5-5'] } },
    /mine: anthropic\/claude-opus-5-5 is dearer than what is preferred to it\n {2}cure: put the dearest first/,
  ],
  [
    'a dearer model behind a free one',
    { providers: { local }, aliases: { mine: ['local/llama', 'claude-haiku-5-5'] } },
    /mine: anthropic\/claude-haiku-5-5 is dearer/,
  ],
  [
    'a model whose input alone is dearer',
    {
      prices: { 'gpt-x': { input: 50, output: 0.1 } },
      aliases: { mine: ['claude-haiku-5-5', 'gpt-x'] },
    },
    /mine: anthropic\/gpt-x is dearer/,
  ],
  [
    'a model without a price',
    { aliases: { mine: ['claude-haiku-5-5', 'gpt-x'] } },
    /mine: anthropic\/gpt-x has no price\n {2}cure: add to config.toml:\n\[router.prices."gpt-x"\]/,
  ],
  [
    'a provider without a model',
    { providers: { local }, aliases: { mine: ['local/'] } },
    /mine: 'local\/' names no provider and model\n {2}cure: write "model" or "provider\/model"/,
  ],
  [
    'a task type for an alias that is not there',
    { tasks: { code: 'codex' } },
    /\[router.tasks\] code: there is no alias 'codex'\n {2}cure: name one of quick/,
  ],
  [
    'an alias by the name of auto',
    { aliases: { auto: ['claude-haiku-5-5'] } },
    /aliases\] auto: this name leaves the choice to the router\n {2}cure: give it another name/,
  ],
] as const) {
  test(`${what} is refused at the start, with the cure`, async () => {
    assert.match(await complaint(settings), expected);
  });
}

test('a price of one’s own makes a model known, and a cheaper rank may follow', async () => {
  const prices = { 'gpt-x': { input: 0.1, output: 0.2 } };
  assert.deepEqual(await ranksOf('mine', { prices, aliases: { mine: ['claude-haiku-5-5', 'gpt-x'] } }), [
    ['anthropic/claude-haiku-5-5'],
    ['anthropic/gpt-x'],
  ]);
});

test('auto goes by the task type, those that are set and those of the house', async () => {
  const { of } = await routes({ tasks: { poetry: 'write' } });
  const alias = (task: string | null) => of({ model: 'auto', task, request: {} }).alias;
  assert.deepEqual(
    [alias('poetry'), alias('root-cause'), alias('whatever'), alias(null)],
    ['write', 'deep', 'default', 'default'],
  );
});

test('a model’s own name is no alias, and may be switched off', async () => {
  const asked = { model: 'claude-haiku-5-5', task: null, request: {} };
  const { alias, tier } = (await routes()).of(asked);
  assert.deepEqual([alias, tier], [null, null]);
  const { of } = await routes({ model_names: false });
  assert.throws(
    () => of(asked),
    (error) =>
      error instanceof ApiError &&
      error.status === 404 &&
      /no alias 'claude-haiku-5-5'; expected quick, .*, review, auto$/.test(error.message),
  );
  assert.equal(of({ ...asked, model: 'quick' }).alias, 'quick');
});

test('a model without a price cannot be asked, and the answer has the lines to add', async () => {
  const { of, price } = await routes({ providers: { local } });
  const target = (model: string) => of({ model, task: null, request: {} }).ranks[0]?.[0] ?? assert.fail();
  assert.throws(() => price(target('gpt-x')), /gpt-x has no price[\s\S]*\[router.prices."gpt-x"\]/);
  assert.equal(price(target('local/gpt-x')).output, 0);
});
