import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '#shared/messages/error.ts';
import { askedOf, withModel } from './body.ts';
import { CONTEXT_tokens } from './price.ts';

/** The same sequence in every run. */
function randomOf(seed: number) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  return { random, pick };
}

const KEYS = [
  'model',
  'a',
  '',
  'metadata',
  'task_type',
  'Model',
  'mo"del',
  'model\\',
  '模型',
  '😀',
  '__proto__',
];
const WORDS = [
  'x',
  '',
  'model',
  '"model":"x"',
  '\\"',
  '\\',
  '{',
  '}]',
  ',',
  ': ',
  '😀',
  '\u2028',
  '\n\t',
  'ü'.repeat(40),
];

/** JSON as anybody may write it: odd white space, escapes, keys that are written twice. */
function writer(seed: number) {
  const { random, pick } = randomOf(seed);
  const space = () => (random() < 0.6 ? '' : pick([' ', '\n', '\t', '\r\n', '   ']));
  const text = (of: string): string => {
    if (random() < 0.7) return JSON.stringify(of);
    const escaped = [...of].map((letter) =>
      [...Array(letter.length).keys()]
        .map((i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, '0')}`)
        .join(''),
    );
    return `"${escaped.join('')}"`;
  };
  const value = (depth: number): string => {
    const kind = random();
    if (depth > 0 && kind < 0.25) return object(depth - 1);
    if (depth > 0 && kind < 0.45) {
      const items = Array.from({ length: Math.floor(random() * 4) }, () => value(depth - 1));
      return `[${space()}${items.join(`${space()},${space()}`)}${space()}]`;
    }
    if (kind < 0.8) return text(pick(WORDS));
    return pick(['0', '-1.5e-7', 'true', 'false', 'null', '12345678901234567890']);
  };
  const member = (key: string, of: string) => `${text(key)}${space()}:${space()}${of}`;
  const object = (depth: number, more: string[] = []): string => {
    const members = Array.from({ length: Math.floor(random() * 5) }, () => member(pick(KEYS), value(depth)));
    for (const one of more) members.splice(Math.floor(random() * (members.length + 1)), 0, one);
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  };
  return { random, pick, space, text, member, object };
}

const NEW = 'neu "\\ 😀';

test('the model is replaced and nothing else, in whatever way the JSON is written', () => {
  let replaced = 0;
  for (let seed = 1; seed <= 4000; seed++) {
    const { pick, space, text, member, object } = writer(seed);
    const body = Buffer.from(
      space() + object(3, [member('model', text(pick(['quick', 'claude-x', 'ü"\\'])))]) + space(),
    );
    const json = JSON.parse(body.toString('utf8'));
    if (typeof json.model !== 'string' || json.model === '' || json.metadata?.task_type !== undefined)
      continue;
    replaced += 1;
    const asked = askedOf(body);
    const after = withModel(asked, NEW);
    assert.deepEqual(JSON.parse(after.toString('utf8')), { ...json, model: NEW }, body.toString());
    // Put back, it is what it was, byte for byte, where the model was written as JSON.stringify writes it.
    const back = withModel({ ...asked, body: after, model: NEW }, json.model).toString('utf8');
    const plain = (bytes: string) =>
      bytes.replaceAll(/"(?:[^"\\]|\\.)*"/g, (word) => JSON.stringify(JSON.parse(word)));
    if (body.toString('utf8').match(/"model"|\\u006d/g)?.length === 1) {
      assert.equal(plain(back), plain(body.toString('utf8')));
    }
    assert.equal(withModel(asked, json.model), body, 'the same model leaves the very bytes');
  }
  assert.ok(replaced > 2000, `${replaced} bodies were looked at`);
});

for (const [what, body, expected] of [
  [
    'a model beside models within',
    '{"a":{"model":"x"},"model":"y","b":["model",{"model":"z"}]}',
    '{"a":{"model":"x"},"model":"NEW","b":["model",{"model":"z"}]}',
  ],
  ['a value that is called model', '{"a":"model","model":"y"}', '{"a":"model","model":"NEW"}'],
  [
    'a key that is written with escapes',
    String.raw`{"mod\u0065l" : "y"}`,
    String.raw`{"mod\u0065l" : "NEW"}`,
  ],
  ['a model that is written twice', '{"model":"x", "model" :\t"y"}', '{"model":"NEW", "model" :\t"NEW"}'],
  ['a model that was no word before', '{"model":null,"model":"y"}', '{"model":"NEW","model":"NEW"}'],
  [
    'a model that was an object before',
    '{"model":{"model":[1]},"model":"y","n":1}',
    '{"model":"NEW","model":"NEW","n":1}',
  ],
  [
    'a model that ends in backslashes',
    String.raw`{"model":"x\\\\","b":"\""}`,
    String.raw`{"model":"NEW","b":"\""}`,
  ],
] as const) {
  test(`${what}: the right place is found`, () => {
    assert.equal(withModel(askedOf(Buffer.from(body)), 'NEW').toString(), expected);
  });
}

for (const [given, left] of [
  ['{"model":"m","metadata":{"task_type":"code"}}', '{"model":"m","metadata":{}}'],
  [
    '{"model":"m","metadata":{ "task_type" : "code" , "user_id":"u" }}',
    '{"model":"m","metadata":{ "user_id":"u" }}',
  ],
  [
    '{"model":"m","metadata":{"user_id":"u",\n "task_type":"code"\n}}',
    '{"model":"m","metadata":{"user_id":"u"\n}}',
  ],
  [
    '{"model":"m","metadata":{"a":[1,{"task_type":2}],"task_type":"code","b":3}}',
    '{"model":"m","metadata":{"a":[1,{"task_type":2}],"b":3}}',
  ],
  [
    '{"model":"m","metadata":{"task_type":"x","task_type":"y","b":-1.5}}',
    '{"model":"m","metadata":{"b":-1.5}}',
  ],
  [
    '{"model":"m","task_type":"t","metadata":{"task_type":"\\"}"},"x":{"metadata":{"task_type":"z"}}}',
    '{"model":"m","task_type":"t","metadata":{},"x":{"metadata":{"task_type":"z"}}}',
  ],
] as const) {
  test(`the task type of ${given} is the router's, and the rest stays byte for byte`, () => {
    const asked = askedOf(Buffer.from(given));
    assert.equal(asked.task, JSON.parse(given).metadata.task_type);
    assert.equal(asked.body.toString(), left);
    assert.deepEqual(asked.json, JSON.parse(left));
  });
}

test('the task type goes and nothing else does, in whatever way the JSON is written', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const { pick, space, text, member, object } = writer(seed);
    const metadata = object(2, [member('task_type', text(pick(['code', '}', 'ü"\\'])))]);
    const body = Buffer.from(object(2, [member('model', '"m"'), `"metadata"${space()}:${metadata}`]));
    const json = JSON.parse(body.toString('utf8'));
    const task = json.metadata?.task_type;
    if (json.model !== 'm' || typeof task !== 'string' || task === '') continue;
    const asked = askedOf(body);
    delete json.metadata.task_type;
    assert.equal(asked.task, task);
    assert.deepEqual(JSON.parse(asked.body.toString('utf8')), json, body.toString());
    assert.deepEqual(asked.json, json);
  }
});

test('a request without a task type is left as it is', () => {
  for (const text of [
    '{"model":"m"}',
    '{"model":"m","metadata":null}',
    '{"model":"m","metadata":{"user_id":"u"}}',
  ]) {
    const body = Buffer.from(text);
    const asked = askedOf(body);
    assert.equal(asked.body, body);
    assert.equal(asked.task, null);
  }
});

for (const [body, expected] of [
  ['', /not valid JSON/],
  ['{"model":', /not valid JSON/],
  ['null', /expected a JSON object/],
  ['[]', /expected a JSON object/],
  ['"model"', /expected a JSON object/],
  ['{}', /model: expected the name of an alias or model, got nothing/],
  ['{"model":""}', /model: .* got ""/],
  ['{"model":["x"]}', /model: .* got \["x"\]/],
  ['{"model":"m","max_tokens":-1}', /max_tokens: expected a whole number from 0, got -1/],
  ['{"model":"m","max_tokens":1.5}', /max_tokens: .* got 1.5/],
  ['{"model":"m","max_tokens":"1"}', /max_tokens: .* got "1"/],
  ['{"model":"m","max_tokens":null}', /max_tokens: .* got null/],
  ['{"model":"m","max_tokens":9007199254740992}', /max_tokens: .* got 9007199254740992/],
  ['{"model":"m","metadata":{"task_type":5}}', /metadata.task_type: expected the name of a task type, got 5/],
  ['{"model":"m","metadata":{"task_type":""}}', /metadata.task_type: .* got ""/],
] as const) {
  test(`${body || 'nothing'} is refused with what was expected and what was got`, () => {
    assert.throws(
      () => askedOf(Buffer.from(body)),
      (error) => error instanceof ApiError && error.status === 400 && expected.test(error.message),
    );
  });
}

test('the least and the largest max_tokens are taken as they are, and a stream is one only when it says so', () => {
  const asked = (fields: object) => askedOf(Buffer.from(JSON.stringify({ model: 'm', ...fields })));
  assert.equal(asked({}).max_tokens, CONTEXT_tokens, 'as long as the context, when nothing is said');
  assert.equal(asked({ max_tokens: 0 }).max_tokens, 0);
  assert.equal(asked({ max_tokens: Number.MAX_SAFE_INTEGER }).max_tokens, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    [asked({}).stream, asked({ stream: true }).stream, asked({ stream: 'true' }).stream],
    [false, true, false],
  );
});
