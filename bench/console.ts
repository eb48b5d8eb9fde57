/**
 * What the console weighs: the bytes of a first load, the time to first paint in a browser that has nothing yet, the time
 * of each page on the server, and the memory and processor of its process, idle and with a tab open.
 *
 *   node bench/console.ts [--loads 5] [--idle 20] [--decisions 0]
 *
 * `--decisions`: so many decisions, calls and turns lie in the store. Linux only for the memory: it reads /proc.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { openStore } from '#shared/store/store.ts';
import { consoleOf, linkInto, noBrowser } from '#shared/testing/browser.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { pages } from '../services/console/pages.ts';
import { median, table } from './table.ts';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '5' },
    idle: { type: 'string', default: '20' },
    decisions: { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log('node bench/console.ts [--loads N] [--idle SECONDS] [--decisions N]');
  process.exit(0);
}

/** The process as an installation has it: its bundle. */
async function measured(pid: number, seconds: number): Promise<{ pss_mib: number; cpu: string }> {
  const cpu_ms = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  const before = cpu_ms();
  await sleep(seconds * 1000);
  const pss = Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  return { pss_mib: pss / 1024, cpu: `${((cpu_ms() - before) / (seconds * 10)).toFixed(2)} %` };
}

async function history({ home }: House, rows: number): Promise<void> {
  const store = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  const now = Date.now();
  const each = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;
  const at = `${now} - i * 30000`;
  const put = (sql: string) => ({
    verb: 'bench',
    sql: `${sql.replace('SELECT', `${each} SELECT`)} FROM n`,
    args: [],
  });
  await store.commit([
    put(
      `INSERT INTO decision (id, turn_id, round, conversation, action, at) SELECT 'd' || i, 't' || i, 1, 'telegram:1', 'answer', ${at}`,
    ),
  ]);
  await store.close();
}

if (noBrowser) throw new Error(noBrowser);
execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);
test('the console', { timeout: 600_000 }, async (t: TestContext) => {
  const decisions = Number(values.decisions);
  const { house, page, base, browser } = await consoleOf(t, async (one) => {
    if (decisions > 0) await history(one, decisions);
  });
  const paints: number[] = [];
  let bytes = 0;
  let loaded = 0;
  for (let nth = 0; nth < Number(values.loads); nth++) {
    const context = await browser.newContext();
    const fresh = await context.newPage();
    // In by the form, then once more with nothing kept but the cookie.
    await fresh.goto(await linkInto(house));
    await fresh.waitForURL(/\/c\/[\w-]+\/$/);
    const network = await context.newCDPSession(fresh);
    await network.send('Network.enable');
    await network.send('Network.clearBrowserCache');
    bytes = 0;
    network.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await fresh.reload({ waitUntil: 'load' });
    // Before it renews itself.
    loaded = bytes;
    const paint = () =>
      fresh.evaluate<number>(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0`);
    paints.push(await until('it is painted', async () => (await paint()) || null));
    await context.close();
  }
  const rows: string[][] = [];
  for (const { path, name } of pages) {
    const took: number[] = [];
    for (let nth = 0; nth < 5; nth++) {
      const began = performance.now();
      await page.context().request.get(`${base}/${path}`);
      took.push(performance.now() - began);
    }
    rows.push([name, median(took).toFixed(0)]);
  }
  console.log(
    `first load ${(loaded / 1000).toFixed(1)} KB; first paint ${median(paints).toFixed(0)} ms (median of ${paints.length})`,
  );
  console.log(table(['page', 'ms'], rows));
  await browser.close();
});

test('its process', { timeout: 600_000 }, async (t: TestContext) => {
  const house = await buildHouse({ bundled: true });
  t.after(() => house.close());
  await house.start();
  const others = await Promise.all(['cron', 'upstream', 'alerts'].map((name) => house.pidOf(name as 'cron')));
  const idle = await measured(await house.pidOf('console'), Number(values.idle));
  const same = await Promise.all(others.map((pid) => measured(pid, 1)));
  console.log(
    `idle: ${idle.pss_mib.toFixed(1)} MiB PSS, ${idle.cpu} of a core; cron, upstream and alerts beside it: ${same.map(({ pss_mib }) => pss_mib.toFixed(1)).join(', ')} MiB`,
  );
});
