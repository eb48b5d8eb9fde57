/**
 * What a backup costs those who write meanwhile: a store of `--mb`, a process that commits as fast as its pauses let it,
 * first alone, then while the store is copied again and again.
 *
 *   node bench/backup.ts [--mb 200] [--seconds 5]
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkSnapshot, takeSnapshot } from '#shared/store/snapshot.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import { table } from '../scripts/cli/table.ts';

const said = (text: string) => message.said({ conversation: 'c', text, at: 1, turn_id: 't' });

/** Commits once a millisecond or so; prints how long each took, in ms. */
async function write(directory: string, seconds: number): Promise<void> {
  const store = await openStore({ directory, principal: 'core' });
  const took: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const began = performance.now();
    await store.commit([said('x'.repeat(200))]);
    took.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await store.close();
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor(took.length * share)] ?? Number.NaN;
  process.stdout.write(
    JSON.stringify({ commits: took.length, p50: at(0.5), p99: at(0.99), most: at(0.9999) }),
  );
}

type Writer = { commits: number; p50: number; p99: number; most: number };

async function writer(directory: string, seconds: number): Promise<Writer> {
  const args = [import.meta.filename, '--writer', directory, '--seconds', String(seconds)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  return JSON.parse(output);
}

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '5' },
    writer: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
if (values.writer !== undefined) await write(values.writer, seconds);
else {
  const directory = mkdtempSync(join(tmpdir(), 'vigil-bench-'));
  try {
    const store = await openStore({ directory, principal: 'core', flush: 'normal' });
    for (let mb = 0; mb < Number(values.mb); mb++) {
      await store.commit(Array.from({ length: 50 }, () => said('x'.repeat(20_000))));
    }
    await store.close();
    const alone = await writer(directory, seconds);
    let over = false;
    const writing = writer(directory, seconds).finally(() => {
      over = true;
    });
    const took: number[] = [];
    const to = join(directory, 'copy.db');
    let contents: Awaited<ReturnType<typeof takeSnapshot>>;
    do {
      rmSync(to, { force: true });
      const began = performance.now();
      contents = await takeSnapshot(directory, to);
      took.push(performance.now() - began);
    } while (!over);
    const beside = await writing;
    const began = performance.now();
    const wrong = await checkSnapshot(to, contents, join(directory, 'scratch.db'));
    if (wrong !== null) throw new Error(wrong);
    const check_ms = performance.now() - began;
    const ms = (value: number) => value.toFixed(2);
    const row = (name: string, one: Writer) => [
      name,
      String(one.commits),
      ms(one.p50),
      ms(one.p99),
      ms(one.most),
    ];
    process.stdout.write(
      table(
        ['a writer', '>commits', '>p50 ms', '>p99 ms', '>most ms'],
        [row('alone', alone), row('during backups', beside)],
      ),
    );
    const mean = took.reduce((sum, one) => sum + one, 0) / took.length;
    const mb = statSync(join(directory, FILE)).size / 1e6;
    process.stdout.write(
      `p99 ${(beside.p99 / alone.p99).toFixed(1)}-fold; ${took.length} snapshots of ${mb.toFixed(0)} MB in ${ms(mean)} ms each, ${ms(check_ms)} ms to check one\n`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
