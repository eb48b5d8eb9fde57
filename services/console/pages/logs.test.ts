import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import type { Visit } from '../page.ts';
import { logs } from './logs.ts';

const at = (ms: number) => new Date(Date.UTC(2026, 10, 22, 12) + ms).toISOString();

async function withLines(t: TestContext, lines: [service: string, fields: object][]): Promise<Visit> {
  const { visit } = await visitTo(t, config);
  for (const [service, fields] of lines) {
    const folder = join(visit.ctx.home.logs, service);
    mkdirSync(folder, { recursive: true });
    const line = {
      level: 'info',
      time: at(0),
      agent: 'vigil',
      service,
      version: '1',
      pid: 1,
      event: 'a.b',
      msg: 'a b',
    };
    appendFileSync(join(folder, `${service}.1.log`), `${JSON.stringify({ ...line, ...fields })}\n`);
  }
  return visit;
}

const shown = async (visit: Visit, query = '') =>
  String(await (await logs.show({ ...visit, query: new URLSearchParams(query) })).body);
const eventsIn = (page: string) =>
  [...page.matchAll(/<b>\w+<\/b> (\S+?)(?: ·|<)/g)].map(([, event]) => event);

test('the lines of all services are one list, the newest first, and a filter takes what it says', async (t) => {
  const visit = await withLines(t, [
    ['core', { time: at(1), event: 'turn.begun', turn: '0199-abc' }],
    [
      'router',
      {
        time: at(2),
        event: 'call.failed',
        level: 'warn',
        turn: '0199-abc',
        error: { message: 'Overloaded' },
      },
    ],
    ['core', { time: at(3), event: 'turn.finished', turn: '0200-def', msg: 'in an <i>HOUR</i>' }],
  ]);
  assert.deepEqual(eventsIn(await shown(visit)), ['turn.finished', 'call.failed', 'turn.begun']);
  assert.deepEqual(eventsIn(await shown(visit, 'service=core')), ['turn.finished', 'turn.begun']);
  assert.deepEqual(eventsIn(await shown(visit, 'level=warn')), ['call.failed']);
  assert.deepEqual(eventsIn(await shown(visit, 'id=0199')), ['call.failed', 'turn.begun']);
  assert.deepEqual(eventsIn(await shown(visit, 'text=hour')), ['turn.finished']);
  assert.deepEqual(eventsIn(await shown(visit, `before=${at(2)}`)), ['turn.begun']);
  assert.deepEqual(eventsIn(await shown(visit, 'service=nobody')), eventsIn(await shown(visit)));
  assert.match(await shown(visit, 'id=nothing'), /Nothing of that is in the logs\./);
});

test('whatever a line says is text, in its words and in its fields', async (t) => {
  const visit = await withLines(t, [
    [
      'core',
      {
        msg: '<script>alert(1)</script>\u202e',
        '<img>': '"><svg onload=x>',
        error: { message: '<b>no</b>', stack: 'at a\n at b' },
      },
    ],
  ]);
  const page = await shown(visit);
  assert.doesNotMatch(page, /<script|<img|<svg onload|<b>no|\u202e/);
  assert.match(page, /&lt;b&gt;no/);
  assert.match(page, /at a\n at b/, 'a stack is lines');
});

test('a page ends after a hundred, and the next goes on where it ended, within one millisecond too', async (t) => {
  const many = Array.from({ length: 205 }, (_, i): [string, object] => [
    'core',
    { time: at(Math.floor(i / 3)), event: `n.${i}` },
  ]);
  const visit = await withLines(t, many);
  const first = await shown(visit);
  const [, more = ''] = /href="[^"]*before=([^"&]+)"/.exec(first) ?? [];
  const second = await shown(visit, `before=${more}`);
  const [, rest = ''] = /href="[^"]*before=([^"&]+)"/.exec(second) ?? [];
  const all = [first, second, await shown(visit, `before=${rest}`)].flatMap(eventsIn);
  assert.deepEqual(
    all,
    many.map((_, i) => `n.${204 - i}`),
  );
});

test('a line that was torn is left out, and does not cost the page', async (t) => {
  const visit = await withLines(t, [['core', { event: 'whole.one' }]]);
  appendFileSync(join(visit.ctx.home.logs, 'core', 'core.1.log'), `{"level":"info","time":"${at(5)}","x"}\n`);
  assert.deepEqual(eventsIn(await shown(visit)), ['whole.one']);
});

test('looking for what is rare ends before it is noticed, and says how far it came', async (t) => {
  const visit = await withLines(t, [['core', { event: 'first.line' }]]);
  const line = `${JSON.stringify({ level: 'debug', time: at(9), event: 'often.said', service: 'core' })}\n`;
  const file = join(visit.ctx.home.logs, 'core', 'core.1.log');
  const later = (ms: number) => line.replace(at(9), at(ms));
  appendFileSync(file, Array.from({ length: 30_000 }, (_, i) => later(10 + i)).join(''));
  const page = await shown(visit, 'text=first.line');
  assert.deepEqual(eventsIn(page), []);
  assert.match(page, /20,000 lines were looked at, back to 2026-11-22/);
  const [, before = ''] = /href="[^"]*before=([^"&]+)"/.exec(page) ?? [];
  assert.deepEqual(eventsIn(await shown(visit, `text=first.line&before=${before}`)), ['first.line']);
});

const asRoot = process.getuid?.() === 0 && 'root may read everything';
test('a log that is not for the console to read is said, with the cure', { skip: asRoot }, async (t) => {
  const visit = await withLines(t, [['core', {}]]);
  const folder = join(visit.ctx.home.logs, 'core');
  chmodSync(folder, 0);
  t.after(() => chmodSync(folder, 0o700));
  assert.match(await shown(visit), /sudo vigil logs/);
});
