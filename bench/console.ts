/**
 * What the console weighs: the bytes of a first load, the time to first paint in a browser that has nothing yet, the time
 * of each page on the server, and the memory and processor of its process, idle and with a tab open.
 *
 *   node bench/console.ts [--loads 5] [--idle 20] [--decisions 0]
 *
 * `--decisions`: instead, the time of each page over a store of so many decisions, with the turns, calls, messages and
 * costs that go with them. Linux only for the memory: it reads /proc.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { FILE } from '#shared/store/store.ts';
import { consoleOf, linkInto, noBrowser } from '#shared/testing/browser.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { type Seeded, seed } from '#shared/testing/year.ts';
import { pages } from '../services/console/pages.ts';
import { median, quantile, table } from './table.ts';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '5' },
    idle: { type: 'string', default: '20' },
    decisions: { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h' },
  },
});
/** Of each page. */
const LOADS = 20;

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

/** Each page, and what is asked of those that can be asked for more. */
function addresses({ turn, decision, call, conversation }: Seeded): string[] {
  const plain = pages.map(({ path }) => path).filter((path) => path !== 'decision' && path !== 'exchange');
  const month = new Date(Date.now() - 60 * 86_400_000).toISOString().slice(0, 10);
  return [
    ...plain,
    `decision/${turn}`,
    `decision/${decision}`,
    `exchange/${call}`,
    'decisions?action=tool',
    'decisions?action=tool+fetch_url&model=claude-haiku-5-5&state=dead',
    'decisions?state=held',
    `decisions?conversation=${conversation}&action=answer`,
    'decisions?conversation=telegram:none&state=dead',
    `decisions?id=${decision.slice(0, 8)}`,
    `decisions?from=${month}`,
    'chat?before=90000.90000',
    'memory?q=drawer+thing+97',
    'memory?status=all&kind=fact',
    'memory/forget?words=drawer+96',
    'memory/forget?words=weather+in+town+77',
    `costs?by=conversation&from=${month}`,
    'costs?by=day',
    'costs?by=hour',
    'logs?level=error&text=nothing',
  ];
}

if (noBrowser) throw new Error(noBrowser);
const decisions = Number(values.decisions);
if (decisions === 0) execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);

test('its pages, over a long history', { skip: decisions === 0, timeout: 1_200_000 }, async (t) => {
  let seeded: Seeded | undefined;
  const { page, base } = await consoleOf(t, async ({ home }) => {
    const began = performance.now();
    seeded = seed(join(home.state, FILE), decisions);
    console.log(`seeded in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  });
  if (!seeded) throw new Error('nothing was seeded');
  const rows: { name: string; took: number[]; status: number }[] = [];
  for (const name of addresses(seeded)) {
    const took: number[] = [];
    let status = 0;
    for (let nth = 0; nth < LOADS; nth++) {
      const began = performance.now();
      status = (await page.context().request.get(`${base}/${name}`)).status();
      took.push(performance.now() - began);
    }
    rows.push({ name: name || 'overview', took, status });
  }
  const p95 = ({ took }: { took: number[] }) => quantile(took, 0.95);
  rows.sort((a, b) => p95(b) - p95(a));
  console.log(
    table(
      ['page', 'status', 'first ms', 'p50 ms', 'p95 ms'],
      rows.map(({ name, took, status }) => [
        name,
        String(status),
        ...[took[0] ?? 0, median(took), quantile(took, 0.95)].map((ms) => ms.toFixed(0)),
      ]),
    ),
  );
});

test('the console', { skip: decisions > 0, timeout: 600_000 }, async (t: TestContext) => {
  const { house, page, base, browser } = await consoleOf(t);
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

test('its process', { skip: decisions > 0, timeout: 600_000 }, async (t: TestContext) => {
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
