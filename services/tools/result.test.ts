import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { untrusted } from '#shared/base/untrusted.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { bounded, MOST_bytes, text } from './result.ts';

function homeFor(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  return home;
}

async function told(t: TestContext, words: string): Promise<string> {
  const [block] = await bounded(text(words), 'c', homeFor(t));
  assert.ok(block?.type === 'text');
  return block.text;
}

test('what fits is told as it is, and one byte more is not', async (t) => {
  const fits = 'ä'.repeat(MOST_bytes / 2);
  assert.equal(await told(t, fits), fits);
  const more = await told(t, `${fits}b`);
  assert.match(more, /^ä+\n\[\d+ of 16385 bytes left out; the whole is in \.results\/c\.txt/);
  assert.ok(Buffer.byteLength(more) < MOST_bytes);
});

test('whatever is cut, words of strangers stand in a frame', async (t) => {
  const line = `evil ${'x'.repeat(90)}`;
  const framed = (kb: number, source: string) => untrusted(source, `${line}\n`.repeat(kb * 10));
  for (const whole of [
    framed(30, 'web a'),
    `good\n${framed(30, 'web a')}\ngood`,
    `${framed(10, 'web a')}\ngood\n${framed(10, 'web b')}`,
    `${'good\n'.repeat(3000)}${framed(20, 'web a')}`,
    `${framed(20, 'web a')}\n${'good\n'.repeat(3000)}`,
    untrusted('web a', 'evil'.repeat(20_000)),
  ]) {
    const words = await told(t, whole);
    const outside = words.replace(/<untrusted source="[^"]*">\n[\s\S]*?\n<\/untrusted>/g, '');
    assert.doesNotMatch(outside, /evil|<\/?untrusted/, words.slice(0, 200));
    assert.ok(Buffer.byteLength(words) < MOST_bytes);
  }
});

test('a result is not kept through a link, and told all the same', async (t) => {
  const home = homeFor(t);
  mkdirSync(join(home.state, 'elsewhere'));
  symlinkSync(join(home.state, 'elsewhere'), join(home.workspace, '.results'));
  const [block] = await bounded(text('x'.repeat(MOST_bytes + 1)), 'c', home);
  assert.ok(block?.type === 'text');
  assert.match(block.text, /the whole could not be kept/);
  assert.throws(() => readFileSync(join(home.state, 'elsewhere/c.txt')), { code: 'ENOENT' });
});
