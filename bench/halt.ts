/**
 * How long it takes from the halt, or from the stop of one turn, until no call is in flight at the provider and no
 * process of a tool is left. With real services, a model that streams for minutes, and tools that sleep for ten.
 *
 *   node bench/halt.ts [--runs 10] [--only router|house|tools]
 *
 * router: the router alone, with a core that is this program. house: a message that is being answered. tools: a command
 * that runs; its processes are looked for among the descendants of `tools`, so they are found in any sandbox (Linux).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { halt, resume } from '#shared/runtime/halt.ts';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Op } from '#shared/tables/op.ts';
import * as press from '#shared/tables/press.ts';
import * as turn from '#shared/tables/turn.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { askRouter } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';
import { quantile, table } from './table.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10' }, only: { type: 'string' } },
});
const runs = Number(values.runs);
/** Longer than this is not at once; a run that takes so long is given up. */
const PATIENCE_ms = 10_000;
const LONG = 'one two three four five six seven eight nine ten '.repeat(200);

type Measured = { name: string; calls_ms: number[]; processes_ms: number[] };
const measured: Measured[] = [];

const since = (began: number) => performance.now() - began;

async function patiently(what: string, fact: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_ms, patience.signal).then(() => {
    if (!patience.signal.aborted) throw new Error(`waited ${PATIENCE_ms} ms in vain for ${what}`);
  });
  await Promise.race([fact, late]).finally(() => patience.abort());
}

/** A model that says little by little what takes minutes. */
function streaming(house: House): void {
  house.model.script(() => LONG);
  house.model.latency({ per_chunk_ms: 100 });
}

/** A model that is done with it at once: what was held up by the halt comes to its end. */
function brief(house: House): void {
  house.model.script(() => 'done');
  house.model.latency({});
}

// ── the router alone ────────────────────────────────────────────────────────────────────────────────────────────────

async function router(): Promise<void> {
  const house = await buildHouse({ telegram: false });
  await house.serve('router');
  const core = await openStore({ directory: house.home.state, principal: 'core' });
  const key = await house.accessKey();
  const client = askRouter(house);
  const question = { model: 'claude-haiku-5-5', max_tokens: 4000, stream: true };
  const body = JSON.stringify({ ...question, messages: [{ role: 'user', content: 'hello' }] });
  let nth = 0;

  /** A turn whose core hears the answer come. */
  async function asking() {
    const id = `turn-${++nth}`;
    const sql = `INSERT INTO turn (id, conversation, channel, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at, created_at)
      VALUES (?, ?, 'terminal', 'running', 1, 1, 1, 'o', 'b', 1, 1)`;
    const opened: Op = { verb: 'bench', sql, args: [id, id] };
    await core.commit([opened]);
    const leaving = new AbortController();
    const headers = { 'x-vigil-turn': id, 'x-vigil-step': `${id}:1` };
    const begun = Promise.withResolvers<void>();
    const answer = client
      .ask(body, { worker: 0, headers, signal: leaving.signal, heard: () => begun.resolve() })
      .catch(() => {});
    await begun.promise;
    return { id, answer, leave: () => leaving.abort() };
  }
  const stop = (id: string) => core.commit([turn.stop(id, { now: Date.now(), error: 'bench' })]);

  const cases: Record<string, () => Promise<number>> = {
    async 'halt, 8 streams in flight'() {
      const turns = await Promise.all(Array.from({ length: 6 }, asking));
      const others = [1, 2].map(() => client.ask(body, { worker: 0, key }).catch(() => {}));
      await until(
        'all are in flight',
        () => house.model.calls().filter(({ ended_at }) => !ended_at).length === 8,
      );
      const began = performance.now();
      halt(house.home.halted, 'bench');
      await patiently('the calls to end', house.model.idle());
      const took_ms = since(began);
      await Promise.all([...turns.map(({ answer }) => answer), ...others]);
      resume(house.home.halted);
      return took_ms;
    },
    async 'halt, nobody hears the answer any more'() {
      const { leave, answer } = await asking();
      leave();
      await answer;
      const began = performance.now();
      halt(house.home.halted, 'bench');
      await patiently('the call to end', house.model.idle());
      const took_ms = since(began);
      resume(house.home.halted);
      return took_ms;
    },
    async 'turn stopped, and core leaves'() {
      const { id, leave, answer } = await asking();
      const began = performance.now();
      await stop(id);
      leave();
      await patiently('the call to end', house.model.idle());
      const took_ms = since(began);
      await answer;
      return took_ms;
    },
    async 'turn stopped, core had left before'() {
      const { id, leave, answer } = await asking();
      leave();
      await answer;
      const began = performance.now();
      await stop(id);
      await patiently('the call to end', house.model.idle());
      return since(began);
    },
  };
  streaming(house);
  try {
    for (const [name, run] of Object.entries(cases)) {
      console.error(`router: ${name} …`);
      const calls_ms: number[] = [];
      for (let i = 0; i < runs; i++) {
        calls_ms.push(await run());
        // Not in step with the looks of the router.
        await sleep(Math.random() * 250);
      }
      measured.push({ name: `router: ${name}`, calls_ms, processes_ms: [] });
    }
  } finally {
    client.close();
    await core.close();
    await house.close();
  }
}

// ── the whole house ─────────────────────────────────────────────────────────────────────────────────────────────────

type What = 'halt' | 'halt, core under SIGSTOP' | 'stop';
const WAYS: readonly What[] = ['halt', 'halt, core under SIGSTOP', 'stop'];

/** A message whose answer is in the making, or whose tool runs; then the end of it in each of the ways. */
async function wholeHouse(kind: 'house' | 'tools'): Promise<void> {
  const config = kind === 'tools' ? '[tools.policy]\nrun_command = "allow"\n' : '';
  const house = await buildHouse({ telegram: false, config });
  let nth = 0;
  try {
    await house.start();
    const core = await house.pidOf('core');
    const tools = await house.pidOf('tools');
    for (const way of WAYS) {
      console.error(`${kind}: ${way} …`);
      const [calls_ms, processes_ms]: number[][] = [[], []];
      for (let i = 0; i < runs; i++) {
        const id = await begun(house, kind, tools, `${kind}-${++nth}`);
        if (way === 'halt, core under SIGSTOP') process.kill(core, 'SIGSTOP');
        const began = performance.now();
        if (way === 'stop') await pressed(house, `stop:${id}`, `${kind}-${nth}`);
        else halt(house.home.halted, 'bench');
        const ends = [
          patiently('the call to end', house.model.idle()).then(() => calls_ms?.push(since(began))),
          until('no process is left', () => descendants(tools).length === 0, PATIENCE_ms).then(() =>
            processes_ms?.push(since(began)),
          ),
        ];
        await Promise.all(ends);
        if (way === 'halt, core under SIGSTOP') process.kill(core, 'SIGCONT');
        brief(house);
        resume(house.home.halted);
        await until('the turn is over', async () => {
          const [row] = await house.read<{ state: string }>('SELECT state FROM turn WHERE id = ?', id);
          return row?.state === 'done' || row?.state === 'dead';
        });
        await sleep(Math.random() * 250);
      }
      measured.push({
        name: `${kind}: ${way}`,
        calls_ms: calls_ms ?? [],
        processes_ms: kind === 'tools' ? (processes_ms ?? []) : [],
      });
    }
  } finally {
    resume(house.home.halted);
    await house.close();
  }
}

/** Says something; resolves with its turn, once the model streams or the tool runs. */
async function begun(house: House, kind: 'house' | 'tools', tools: number, name: string): Promise<string> {
  if (kind === 'house') streaming(house);
  else {
    house.model.latency({});
    house.model.script(() => ({
      tools: [{ name: 'run_command', input: { command: 'sleep 600 & sleep 600' } }],
    }));
  }
  const store = await house.store();
  await store.commit([
    inbound.receive({
      source: 'terminal',
      source_key: name,
      channel: 'terminal',
      conversation: `terminal:${name}`,
      chat: null,
      sender: 'bench',
      text: 'hello',
      message_ref: null,
      payload_json: '{}',
      received_at: Date.now(),
      state: 'pending',
      note: null,
    }),
  ]);
  const row = await until(
    `the message of ${name} has a turn`,
    async () =>
      (await house.read<{ id: string }>('SELECT id FROM turn WHERE conversation = ?', `terminal:${name}`))[0],
  );
  if (kind === 'house') {
    await until('the model streams', () =>
      house.model.calls().some(({ ended_at, events }) => !ended_at && events > 3),
    );
  } else {
    // Not before: the service tries its sandbox when it starts.
    await until('the tool is called', async () => {
      const sql = `SELECT id FROM tool_call WHERE turn_id = ? AND state = 'running'`;
      return (await house.read(sql, row.id)).length > 0;
    });
    await until('the tool runs', () => descendants(tools).length >= 2, PATIENCE_ms);
  }
  return row.id;
}

async function pressed(house: House, data: string, source_key: string): Promise<void> {
  const store = await house.store();
  const about = {
    channel: 'terminal',
    conversation: 'terminal:bench',
    chat: null,
    message_ref: null,
  } as const;
  await store.commit([
    press.receive({
      source: 'terminal',
      source_key,
      ...about,
      sender: 'bench',
      data,
      received_at: Date.now(),
    }),
  ]);
}

/** The processes below one, in any namespace; zombies do not count. */
function descendants(of: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const [state, parent] = Number.isInteger(pid) ? statOf(pid) : [];
    if (state === undefined || state === 'Z') continue;
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid]);
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(of);
}

/** Fields 3 and 4 of proc(5): state and parent. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  } catch {
    return []; // It has ended while we looked.
  }
}

const parts = { router, house: () => wholeHouse('house'), tools: () => wholeHouse('tools') };
for (const [name, run] of Object.entries(parts)) {
  if (values.only && values.only !== name) continue;
  try {
    await run();
  } catch (error) {
    console.error(`${name}: given up: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
const ms = (list: number[], of: (list: number[]) => number) => (list.length > 0 ? of(list).toFixed(0) : '–');
const p50 = (list: number[]) => quantile(list, 0.5);
const worst = (list: number[]) => Math.max(...list);
console.log(
  table(
    [`n=${runs}`, 'no call, p50 ms', 'worst', 'no process, p50 ms', 'worst'],
    measured.map(({ name, calls_ms, processes_ms }) => [
      name,
      ms(calls_ms, p50),
      ms(calls_ms, worst),
      ms(processes_ms, p50),
      ms(processes_ms, worst),
    ]),
  ),
);
console.log('aims: no call and no process within 1,000 ms, whoever hangs');
