import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { config } from './config.ts';
import { type Provider, providersOf } from './provider.ts';

const standIn = { name: 'anthropic' } as Provider;

const made = (providers: object, secrets: { anthropic?: object; providers?: object } = {}) =>
  providersOf(
    config.parse({ providers }).providers,
    { anthropic: null, providers: null, ...(secrets as object) },
    async () => standIn,
  );

test('without a key the rehearsal model stands in, and beside other providers too', async () => {
  assert.equal((await made({})).get('anthropic'), standIn);
  const both = await made({ local: { base_url: 'http://127.0.0.1:1/' } });
  assert.deepEqual([...both.keys()], ['local', 'anthropic']);
  assert.equal(both.get('anthropic'), standIn);
});

test('the key of credentials/anthropic.env is Anthropic’s own, at the address that stands beside it', async () => {
  const anthropic = async (secret: object) => {
    const provider = (await made({}, { anthropic: secret })).get('anthropic');
    return [provider?.url.href, provider?.accounts];
  };
  const accounts = (key: string) => [{ organisation: 'anthropic', keys: [key] }];
  assert.deepEqual(await anthropic({ ANTHROPIC_API_KEY: 'k' }), [
    'https://api.anthropic.com/',
    accounts('k'),
  ]);
  assert.deepEqual(await anthropic({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:1//' }), [
    'http://127.0.0.1:1/',
    accounts('none'),
  ]);
});

test('an address that is none is told with the cure', async () => {
  for (const base of ['not an address', 'ftp://example.com', '127.0.0.1:80']) {
    await assert.rejects(
      made({}, { anthropic: { ANTHROPIC_BASE_URL: base } }),
      (error) =>
        error instanceof Misconfigured &&
        error.message.includes(`expected an http or https URL, got '${base}'`) &&
        /credentials\/anthropic.env/.test(error.cure),
    );
  }
});

test('keys are one account for each organisation, in the order of the config', async () => {
  const keys = ['A', { variable: 'B', organisation: 'mine' }, { variable: 'C', organisation: 'mine' }, 'D'];
  const secrets = { anthropic: { A: 'a' }, providers: { B: 'b', C: 'c', D: 'd' } };
  const provider = (await made({ other: { base_url: 'https://example.com/v1/', keys } }, secrets)).get(
    'other',
  );
  assert.equal(provider?.url.href, 'https://example.com/v1');
  assert.deepEqual(provider?.accounts, [
    { organisation: 'A', keys: ['a'] },
    { organisation: 'mine', keys: ['b', 'c'] },
    { organisation: 'D', keys: ['d'] },
  ]);
});

test('a provider without keys has one account, and one by the name of anthropic takes Anthropic’s place', async () => {
  const providers = await made(
    { anthropic: { base_url: 'http://127.0.0.1:1', free: true } },
    { anthropic: { ANTHROPIC_API_KEY: 'k' } },
  );
  assert.deepEqual(providers.get('anthropic')?.accounts, [{ organisation: 'anthropic', keys: ['none'] }]);
  assert.equal(providers.size, 1);
});

test('a key that is not there, or empty, is told with the line to add', async () => {
  for (const secret of [null, {}, { OTHER: '' }]) {
    await assert.rejects(
      made({ other: { base_url: 'https://example.com', keys: ['OTHER'] } }, { providers: secret as object }),
      /provider other: expected its key in the variable OTHER, got none\n {2}cure: add a line OTHER=<key> to credentials\/providers.env/,
    );
  }
});
