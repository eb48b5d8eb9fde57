import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../testing/scratch.ts';
import { embedAt, NoVectors } from './embed.ts';

test('vectors come in the order of their texts; what is none is refused, with what was expected', async (t) => {
  const path = join(scratch(t), 's');
  let reply: { status: number; body: unknown; headers?: Record<string, string> };
  let heard = '';
  const server = createServer(async (request, response) => {
    heard = '';
    for await (const chunk of request) heard += chunk;
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const embed = embedAt(path);
  const ask = (texts: string[]) =>
    embed({ model: 'alias', texts, headers: {}, signal: AbortSignal.timeout(5000) });

  const item = (index: number, ...embedding: unknown[]) => ({ index, embedding });
  reply = { status: 200, body: { model: 'small', data: [item(1, 0, 1), item(0, 1, 0)] } };
  const { model, vectors } = await ask(['a', 'x'.repeat(2000)]);
  assert.equal(model, 'small');
  assert.deepEqual(
    vectors.map(({ bytes }) => [...bytes]),
    [
      [127, 0],
      [0, 127],
    ],
  );
  assert.deepEqual(JSON.parse(heard), { model: 'alias', input: ['a', 'x'.repeat(1500)] });

  for (const data of [
    [],
    [item(0, 1), item(1, 1, 2)],
    [item(0, 1), item(1, null)],
    [item(0, 1), item(1)],
    'none',
  ]) {
    reply = { status: 200, body: { data } };
    await assert.rejects(ask(['a', 'b']), /no vectors of alias: expected 2 of one length/);
  }
  const refusal = { error: { message: 'too long' } };
  const cases = [
    [{ status: 400, body: refusal, headers: { 'x-vigil-target': 'one/small' } }, true, null],
    [{ status: 400, body: refusal }, false, null],
    [
      { status: 429, body: refusal, headers: { 'x-vigil-target': 'one/small', 'retry-after': '7' } },
      false,
      7000,
    ],
  ] as const;
  for (const [answer, unfit, retry_after_ms] of cases) {
    reply = answer;
    await assert.rejects(ask(['a']), (error) => {
      assert.ok(error instanceof NoVectors);
      assert.match(error.message, /too long/);
      assert.deepEqual([error.unfit, error.retry_after_ms], [unfit, retry_after_ms]);
      return true;
    });
  }
  reply = { status: 502, body: '<html>' };
  await assert.rejects(ask(['a']), /no vectors of alias: 502 <html>/);
});
