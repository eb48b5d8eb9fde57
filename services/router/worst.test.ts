import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '#shared/messages/error.ts';
import type { Usage } from '#shared/tables/call.ts';
import { cost_nanousd, FREE, type Price, priceOf } from './price.ts';
import { NOTHING } from './usage.ts';
import { batchWorst, type How, type Worst, worstOf } from './worst.ts';

const NOW = Date.parse('2026-11-22');
const priceOfModel = (model: string) => priceOf(model, NOW, {});

function known(model: string): Price {
  const price = priceOfModel(model);
  assert.ok(price, `${model} has a price`);
  return price;
}

const opus = known('claude-opus-5'); // $5 in, $25 out
const MILLION = 1_000_000;

const bytesOf = (request: object) => Buffer.byteLength(JSON.stringify(request));
const worst = (request: Record<string, unknown>, price = opus, how?: How): Worst =>
  worstOf(request, bytesOf(request), price, how);

const saying = (content: unknown, more: object = {}): Record<string, unknown> => ({
  model: 'claude-opus-5',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
  ...more,
});

/** What a request is refused with. */
function refusal(request: Record<string, unknown>, how?: How): string {
  try {
    worst(request, opus, how);
  } catch (error) {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.type, error.status], ['invalid_request_error', 400]);
    return error.message;
  }
  assert.fail('it was not refused');
}

test('a question is bounded by its bytes, its answer by max_tokens', () => {
  const request = saying('How are you?');
  const { input_tokens, output_tokens, nanousd, likely_tokens } = worst(request);
  assert.equal(input_tokens, bytesOf(request) + 500);
  assert.equal(output_tokens, 100);
  assert.equal(nanousd, input_tokens * 5000 + 100 * 25_000);
  assert.equal(likely_tokens, Math.ceil(bytesOf(request) / 3.5));
});

test('no input is longer than the context window, and no answer without a limit either', () => {
  const within = { ...opus, context_tokens: 2000 };
  const at = (body_bytes: number) => worstOf(saying('x'), body_bytes, within).input_tokens;
  assert.deepEqual([at(1499), at(1500), at(1501)], [1999, 2000, 2000]);
  for (const max_tokens of [undefined, -1, 1.5, '100', 3000, 1e300]) {
    assert.equal(worst(saying('x', { max_tokens }), within).output_tokens, 2000, String(max_tokens));
  }
  assert.equal(worst(saying('x', { max_tokens: 1999 }), within).output_tokens, 1999);
  assert.equal(worst(saying('x', { max_tokens: 0 })).output_tokens, 0, 'only to fill the cache');
});

test('a count of the API bounds the input better, with a margin', () => {
  const request = saying('x'.repeat(10_000));
  assert.equal(worst(request, opus, { counted_tokens: 1000 }).input_tokens, 1150);
  assert.equal(worst(request, opus, { counted_tokens: 1001 }).input_tokens, 1152, 'rounded up');
  assert.equal(worst(request, opus, { counted_tokens: 1000 }).likely_tokens, 1000);
});

test('what is to be cached may cost a write, at the longest time asked for anywhere', () => {
  const rate = (request: Record<string, unknown>) => {
    const { input_tokens, output_tokens, nanousd } = worst(request);
    return (nanousd - output_tokens * 25_000) / input_tokens;
  };
  const five = { cache_control: { type: 'ephemeral' } };
  const hour = { cache_control: { type: 'ephemeral', ttl: '1h' } };
  const text = { type: 'text', text: 'x' };
  assert.equal(rate(saying('"cache_control"')), 5000, 'to speak of it is not to ask for it');
  assert.equal(rate(saying('x', { cache_control: null })), 5000);
  assert.equal(rate(saying('x', five)), 6250);
  assert.equal(rate(saying('x', hour)), 10_000);
  assert.equal(rate(saying([{ ...text, ...five }, text])), 6250);
  assert.equal(
    rate(
      saying([
        { ...text, ...hour },
        { ...text, ...five },
      ]),
    ),
    10_000,
    'whichever is seen first',
  );
  assert.equal(
    rate(
      saying([
        { ...text, ...five },
        { ...text, ...hour },
      ]),
    ),
    10_000,
    'whichever is seen last',
  );
  assert.equal(rate(saying('x', { system: [{ ...text, ...hour }] })), 10_000);
  assert.equal(rate(saying('x', { tools: [{ name: 'a', input_schema: {}, ...five }] })), 6250);
  const result = { type: 'tool_result', tool_use_id: 'a', content: [{ ...text, ...hour }] };
  assert.equal(rate(saying([result])), 10_000);
  const call = { type: 'tool_use', id: 'a', name: 'a', input: hour };
  assert.equal(rate(saying([call])), 5000, "a tool's input is text");
});

test('a prompt that may be beyond the band costs the long price, one that cannot does not', () => {
  const haiku = known('claude-haiku-5-5');
  const at = (body_bytes: number) => worstOf(saying('x'), body_bytes, haiku).nanousd;
  assert.equal(at(99_500), 100_000 * 100 + 100 * 500);
  assert.equal(at(99_501), 100_001 * 500 + 100 * 2500);
});

test('an image counts by its cap, wherever it is, and not by its bytes', () => {
  const data = 'A'.repeat(1_000_000);
  const image = (source: object) => ({ type: 'image', source });
  const base64 = image({ type: 'base64', media_type: 'image/png', data });
  const plain = (content: unknown) => bytesOf(saying(content)) + 500;
  for (const [content, images, media] of [
    [[base64], 1, 1],
    [[base64, base64], 2, 2],
    [[image({ type: 'url', url: 'https://example.com/a.png' })], 1, 0],
    [[image({ type: 'file', file_id: 'file_1' })], 1, 0],
    [[{ type: 'tool_result', tool_use_id: 'a', content: [base64] }], 1, 1],
    [[{ type: 'document', source: { type: 'content', content: [base64] } }], 1, 1],
  ] as const) {
    const { input_tokens } = worst(saying(content), { ...opus, context_tokens: 10 * MILLION });
    assert.equal(input_tokens, plain(content) - media * data.length + images * 5000);
  }
  const told = { type: 'tool_use', id: 'a', name: 'a', input: base64 };
  const { input_tokens } = worst(saying([told]), { ...opus, context_tokens: 10 * MILLION });
  assert.equal(input_tokens, plain([told]), "in a tool's input it is text");
  assert.ok(worst(saying([base64])).likely_tokens < 1700);
});

test('a document whose length nobody can tell may fill the context, unless it was counted', () => {
  const document = (source: object) => saying([{ type: 'document', source }]);
  const pdf = document({ type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(40_000) });
  for (const request of [
    pdf,
    document({ type: 'url', url: 'https://example.com/a.pdf' }),
    document({ type: 'file', file_id: 'file_1' }),
  ]) {
    assert.equal(worst(request).input_tokens, MILLION);
  }
  assert.equal(worst(pdf, opus, { counted_tokens: 2000 }).input_tokens, 2200);
  const { likely_tokens } = worst(pdf);
  assert.ok(likely_tokens >= 1500 && likely_tokens < 1700, `${likely_tokens}`);
  const text = document({ type: 'text', media_type: 'text/plain', data: 'hello' });
  assert.equal(worst(text).input_tokens, bytesOf(text) + 500, 'plain text is its bytes');
  const thread = saying('go on', { thread: { type: 'continue', previous_message_id: 'msg_1' } });
  assert.equal(worst(thread, opus, { counted_tokens: 10 }).input_tokens, MILLION, 'what the server holds');
});

test('tools add what the API says about them', () => {
  const custom = saying('x', { tools: [{ name: 'a', input_schema: { type: 'object' } }] });
  assert.equal(worst(custom).input_tokens, bytesOf(custom) + 500 + 1000);
  const built_in = saying('x', { tools: [{ type: 'bash_20250124', name: 'bash' }] });
  assert.equal(worst(built_in).input_tokens, bytesOf(built_in) + 500 + 1000 + 5000);
  assert.equal(worst(built_in).output_tokens, 100, 'what the client runs ends the call');
});

test('each use of a server tool is a pass of its own, over all that came before', () => {
  const request = saying('x', { tools: [{ type: 'web_search_20260318', name: 'web_search', max_uses: 2 }] });
  const first = bytesOf(request) + 500 + 1000 + 5000;
  const { input_tokens, output_tokens, nanousd } = worst(request);
  assert.equal(input_tokens, first + 2 * (first + 2 * 30_000 + 2 * 100));
  assert.equal(output_tokens, 3 * 100);
  assert.equal(nanousd, input_tokens * 5000 + output_tokens * 25_000 + 2 * 10_000_000);
  assert.equal(worst(request, { ...opus, context_tokens: 8000 }).input_tokens, first + 2 * 8000);

  const fetch = (more: object) =>
    worst(saying('x', { tools: [{ type: 'web_fetch_20260318', name: 'web_fetch', max_uses: 1, ...more }] }))
      .input_tokens;
  assert.equal(fetch({ max_content_tokens: 10_000 }) - fetch({ max_content_tokens: 20_000 }), -10_000);
  assert.equal(
    fetch({}) - fetch({ max_content_tokens: 100_000 }),
    -2 * ',"max_content_tokens":100000'.length,
  );
});

test('a search among tools may go on for as long as the API loops', () => {
  const tool = { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' };
  assert.equal(worst(saying('x', { tools: [tool] })).output_tokens, 10 * 100);
});

test('what has no bound is refused, with the tool, the reason and the cure', () => {
  const tool = (type: string, more = {}) => saying('x', { tools: [{ type, name: 'it', ...more }] });
  for (const name of ['web_search', 'web_fetch', 'advisor']) {
    for (const max_uses of [undefined, null, -1, 'many', 1.5]) {
      const message = refusal(tool(`${name}_20260318`, { max_uses, model: 'claude-opus-5' }), {
        priceOfModel,
      });
      assert.match(message, new RegExp(`${name}.*max_uses.*no bound.*Cure`));
    }
  }
  for (const name of ['code_execution_20260521', 'mcp_toolset', 'tool_of_tomorrow_20270101']) {
    assert.match(refusal(tool(name)), new RegExp(`${name.replace(/_\d{8}/, '')}.*no bound.*Cure`));
  }
  const later = {
    type: 'tool_addition',
    tool: { type: 'tool_definition', definition: { type: 'web_search_20260318', name: 'web_search' } },
  };
  assert.match(refusal(saying([later])), /web_search.*max_uses/);
  assert.match(refusal(saying('x', { mcp_servers: [{ type: 'url', url: 'x' }] })), /mcp_servers.*Cure/);
  assert.match(refusal(saying('x', { fallbacks: 'default' }), { priceOfModel }), /fallbacks.*Cure/);
  assert.match(
    refusal(saying('x', { fallbacks: [{ model: 'gpt' }] }), { priceOfModel }),
    /\[router\.prices\."gpt"\]/,
  );
  assert.match(refusal(saying('x', { fallbacks: [{ model: 'claude-opus-5' }] })), /no price/);
  assert.match(refusal(saying('x', { fallbacks: [7] }), { priceOfModel }), /fallbacks\.0.*got 7/);
});

test('a model that costs nothing is refused nothing', () => {
  const tools = [{ type: 'web_search_20260318', name: 'web_search' }];
  const { nanousd, output_tokens } = worst(saying('x', { tools, fallbacks: 'default' }), FREE);
  assert.deepEqual([nanousd, output_tokens], [0, 100]);
});

test('every model that the API may fall back to is paid for', () => {
  const alone = worst(saying('x'));
  const request = saying('x', {
    fallbacks: [{ model: 'claude-opus-5' }, { model: 'claude-fable-5-1', max_tokens: 1000 }],
  });
  const both = worst(request, opus, { priceOfModel });
  const input = bytesOf(request) + 500;
  assert.equal(both.output_tokens, 100 + 100 + 1000);
  assert.equal(both.nanousd, 2 * (input * 5000 + 100 * 25_000) + input * 10_000 + 1000 * 50_000);
  assert.ok(both.nanousd > alone.nanousd);
});

test('an advisor reads what the model reads, at its own price, and is read again', () => {
  const tools = [
    { type: 'advisor_20260301', name: 'advisor', model: 'claude-fable-5-1', max_uses: 2, max_tokens: 1000 },
  ];
  const request = saying('x', { tools });
  const first = bytesOf(request) + 500 + 1000 + 5000;
  const later = first + 2 * 1000 + 2 * 100;
  const { nanousd } = worst(request, opus, { priceOfModel });
  assert.equal(
    nanousd,
    (first + 2 * later) * 5000 + 3 * 100 * 25_000 + 2 * later * 10_000 + 2 * 1000 * 50_000,
  );
});

test('compaction is a pass of its own before each', () => {
  const plain = worst(saying('x'));
  const edits = { context_management: { edits: [{ type: 'compact_20260112' }] } };
  for (const more of [edits, { compaction: { type: 'summarize' } }]) {
    const { input_tokens, output_tokens } = worst(saying('x', more));
    assert.equal(output_tokens, 2 * plain.output_tokens);
    assert.equal(input_tokens, 2 * (bytesOf(saying('x', more)) + 500));
  }
  const clearing = { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } };
  assert.equal(worst(saying('x', clearing)).output_tokens, plain.output_tokens);
});

test('terms raise the bound as they raise the price', () => {
  const cost = (more: object, how?: How) => worstOf(saying('x', more), 1000, opus, how).nanousd;
  const plain = cost({});
  assert.equal(cost({ inference_geo: 'us' }), plain * 1.1);
  assert.equal(cost({ speed: 'fast' }), plain * 6);
  assert.equal(cost({}, { batch: true }), plain / 2);
});

test('a batch is the sum of its requests, at half the price', () => {
  const [one, other] = [saying('x'), saying('y', { model: 'claude-haiku-5-5', max_tokens: 7 })];
  const batch = { requests: [one, other].map((params, index) => ({ custom_id: `${index}`, params })) };
  const parts = [worst(one, opus, { batch: true }), worst(other, known('claude-haiku-5-5'), { batch: true })];
  const total = batchWorst(batch, priceOfModel);
  for (const field of ['input_tokens', 'output_tokens', 'nanousd', 'likely_tokens'] as const) {
    assert.equal(total[field], (parts[0]?.[field] ?? 0) + (parts[1]?.[field] ?? 0), field);
  }
  assert.throws(() => batchWorst({}, priceOfModel), /requests: expected a list, got none/);
  assert.throws(
    () => batchWorst({ requests: [{}] }, priceOfModel),
    /requests\.0\.params: expected an object/,
  );
  const unknown = { requests: [{ params: { ...one, model: 'gpt' } }] };
  assert.throws(() => batchWorst(unknown, priceOfModel), /requests\.0\.params\.model: gpt has no price/);
  const params = saying('x', { mcp_servers: [{}] });
  const unbounded = { requests: [{ params: one }, { params }] };
  assert.throws(() => batchWorst(unbounded, priceOfModel), /router: requests\.1\.params: mcp_servers: /);
  let deep: unknown = 'x';
  for (let level = 0; level < 200_000; level++) deep = [deep];
  const nested = { requests: [{ params: saying(deep) }] };
  assert.throws(() => batchWorst(nested, priceOfModel), /requests\.0\.params: it is nested too deeply/);
});

test('a request of any depth is looked through, and any bound is a number the ledger can hold', () => {
  let deep: unknown = 'x';
  for (let level = 0; level < 200_000; level++) deep = [deep];
  assert.ok(worstOf(saying(deep), 1000, opus).nanousd > 0);
  const tools = [{ type: 'web_search_20260318', name: 'web_search', max_uses: Number.MAX_SAFE_INTEGER }];
  assert.equal(worst(saying('x', { tools })).nanousd, Number.MAX_SAFE_INTEGER);
});

test('no usage that a request can lead to costs more than its bound', () => {
  let state = 7;
  const upTo = (most: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * (most + 1));
  };
  const models = ['claude-fable-5-1', 'claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'];
  const ttls = [null, '5m', '1h'] as const;
  let exact = 0;
  for (let round = 0; round < 5000; round++) {
    const price = known(models[round % models.length] ?? '');
    const ttl = ttls[upTo(2)] ?? null;
    const images = upTo(3);
    const us = upTo(1) === 1;
    const max_tokens = upTo(128_000);
    const uses = upTo(3);
    const text = 'x'.repeat(upTo(round % 2 === 0 ? 120_000 : 3000));
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(4000) },
    };
    const request = saying([{ type: 'text', text }, ...Array(images).fill(image)], {
      max_tokens,
      ...(ttl ? { cache_control: { type: 'ephemeral', ttl } } : {}),
      ...(us ? { inference_geo: 'us' } : {}),
      tools: uses > 0 ? [{ type: 'web_search_20260318', name: 'web_search', max_uses: uses }] : [],
    });
    const full = round % 3 === 0;
    const some = (most: number) => (full ? most : upTo(most));
    // As the API does it: each pass reads the request, the results and the output of the passes before it.
    const usage: Usage = { ...NOTHING, web_searches: some(uses) };
    let context = some(text.length) + images * some(4784);
    for (let pass = 0; pass <= usage.web_searches; pass++) {
      let left = Math.min(context, price.context_tokens);
      const share = () => {
        const tokens = full ? left : upTo(left);
        left -= tokens;
        return tokens;
      };
      if (ttl === '1h') usage.cache_write_1h_tokens += share();
      if (ttl) {
        usage.cache_write_5m_tokens += share();
        usage.cache_read_tokens += share();
      }
      usage.input_tokens += left;
      const written = some(max_tokens);
      usage.output_tokens += written;
      context += written + some(30_000);
    }
    const bound = worst(request, price).nanousd;
    const cost = cost_nanousd(price, usage, { us });
    assert.ok(Number.isSafeInteger(bound) && bound >= cost, `round ${round}: ${cost} is more than ${bound}`);
    if (bound < cost * 1.3) exact += 1;
  }
  assert.ok(exact > 500, `a bound that is far too high would hold as well: ${exact} are near`);
});
