import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterCut } from './powercut/disk.ts';
import { readTrace, untraceable } from './powercut/trace.ts';
import { complaint, powercut } from './powercut.ts';

describe('a power cut', { skip: untraceable }, () => {
  it('takes nothing back that was acknowledged', async () => {
    const result = await powercut({ flush: 'full', cuts: 50, messages: 20, seed: 1 });
    assert.equal(complaint(result), null, result.faults.join('\n'));
    assert.ok(result.heard > 3 * 20, `said, asked and sent, and now and then confirmed: ${result.heard}`);
  });

  it('takes something back where flushing is switched off, and leaves the store whole', async () => {
    const result = await powercut({ flush: 'normal', cuts: 50, messages: 20, seed: 1 });
    assert.equal(complaint(result), null, result.faults.join('\n'));
  });
});

describe('the disk of the bench', () => {
  const page = (letter: string) => letter.repeat(1024);
  const lines = [
    '7 openat(AT_FDCWD, "/db", O_RDWR|O_CREAT, 0600) = 3</db>',
    `7 pwrite64(3</db>, "${hex(page('a'))}", 1024, 0) = 1024`,
    '7 fsync(3</db> <unfinished ...>',
    `8 pwrite64(3</db>, "${hex(page('b'))}", 1024, 1024) = 1024`,
    '7 <... fsync resumed>) = 0',
    `8 pwrite64(3</db>, "${hex(page('c'))}", 1024, 0) = 1024`,
    '8 unlink("/db") = 0',
  ];

  /** Every content of the file that was seen after 500 cuts at the moment. */
  async function seen(moment: number): Promise<Set<string | undefined>> {
    const trace = await readTrace(lines);
    let state = 7;
    const random = () => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    return new Set(
      Array.from({ length: 500 }, () => afterCut(trace, moment, random).get('/db')?.toString('latin1')),
    );
  }

  it('may lose or tear what no fsync has ended after', async () => {
    const contents = await seen(4);
    for (const possible of ['', page('a'), `${'a'.repeat(512)}`, `${'\0'.repeat(512)}${'a'.repeat(512)}`]) {
      assert.ok(contents.has(possible), JSON.stringify(possible));
    }
  });

  it('keeps what was written before an fsync began, and not what came while it ran', async () => {
    const contents = [...(await seen(5))];
    assert.ok(contents.every((content) => content?.startsWith(page('a'))));
    assert.ok(contents.includes(page('a')));
    assert.ok(contents.includes(page('a') + page('b')));
  });

  it('may have a later write without an earlier one', async () => {
    const contents = await seen(6);
    assert.ok(contents.has(page('c')));
    assert.ok(contents.has(page('a') + page('b')));
  });

  it('has a file from its creation to its removal', async () => {
    assert.deepEqual(await seen(7), new Set([undefined]));
  });

  it('refuses a trace with a change that it has no rule for', async () => {
    await assert.rejects(
      readTrace([...lines.slice(0, 1), '7 fallocate(3</db>, 0, 0, 4096) = 0']),
      /no rule for fallocate/,
    );
  });
});

function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16)}`).join('');
}
