/**
 * cron: turns due schedules into work; every due slot is a row.
 *
 * It owns `slot`, and the states of `schedule`, `slot_outcome` and `fire`. A time that has come becomes a slot, once; a
 * schedule's slot becomes a message of its own conversation, which core answers as any other (a command by a call of a
 * tool, without a model); a slot of the house's own is another service's work. Each step is one commit, so that a death
 * at any line repeats none and loses none.
 *
 * Times that were missed, because the house was down, asleep or halted, follow the rule of their job. A clock that is set
 * back finds its slots made already.
 */

import { nextOf, readSpec, type Spec } from '#shared/base/cron.ts';
import { periodOf } from '#shared/base/period.ts';
import { houseJobs } from '#shared/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { Fenced } from '#shared/store/store.ts';
import * as fire from '#shared/tables/fire.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import { config } from './config.ts';
import { MOST_MISSED, timesOf, verdictsOn } from './due.ts';
import { endOf, instruction, skipped, spentWords } from './run.ts';

export type Cron = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'persist'>;

/** Nothing rings when a turn ends: while jobs are at work, they are looked at so often. */
const GLANCE_ms = 1000;
/** So many failures in a row, and a job rests until somebody decides. */
const MOST_FAILURES = 3;

export const cron = service({
  name: 'cron',
  config,
  async start(ctx) {
    await furnish(ctx);
    const times = calendar(ctx);
    ctx.doing('waiting for what is due');
    ctx.work({ name: 'times', queue: 'schedule', halts: true, ...times });
    ctx.work({
      name: 'starts',
      queue: 'slot',
      halts: true,
      look: async () => (await ctx.store.read(slot.next))[0],
      act: (due) => unlessFenced(begin(ctx, due)),
    });
    ctx.work({
      name: 'ends',
      queue: 'slot',
      look: async () => (await ctx.store.read(slot.ended))[0],
      act: (over) => unlessFenced(finish(ctx, over)),
      due: async () => ((await ctx.store.read(slot.atWork))[0]?.count ? ctx.clock.now() + GLANCE_ms : null),
    });
    ctx.work({
      name: 'outcomes',
      queue: 'slot_outcome',
      look: async () => (await ctx.store.read(slot_outcome.next))[0],
      act: (told) => unlessFenced(takeOver(ctx, told)),
    });
  },
});

/** Whoever was there first has done it. */
async function unlessFenced(done: Promise<void>): Promise<void> {
  await done.catch((error) => {
    if (!(error instanceof Fenced)) throw error;
  });
}

/** The house's own jobs, as the manifest has them: paused ones stay so. */
async function furnish({ store, clock, log }: Cron): Promise<void> {
  const at = clock.now();
  const own = { conversation: 'terminal:main', channel: 'terminal', chat: null, given_by: 'house' } as const;
  for (const { name, service, spec, missed } of houseJobs) {
    const [known] = await store.read(schedule.named(name));
    if (known && known.kind !== 'house' && known.state !== 'deleted') {
      log.warn('job.unnamed', { job: name }, 'a job of the owner has the name of one of the house');
    } else if (known?.kind !== 'house' || known.spec !== spec || known.missed !== missed) {
      const state = known?.state === 'paused' ? 'paused' : 'active';
      await store.commit([
        schedule.put({ ...own, name, state, spec, prompt: '', kind: 'house', service, missed, at }),
      ]);
    }
  }
  const names = houseJobs.map(({ name }) => name);
  for (const { id: _, ...job } of await store.read(schedule.all)) {
    if (job.kind === 'house' && !names.includes(job.name)) {
      await store.commit([schedule.put({ ...job, state: 'deleted', given_by: 'house', at })]);
    }
  }
}

type Piece = { job: string; ops: Op[] };

/** Finds times that have come, runs that are wanted by hand, and jobs that are over. */
export function calendar({ store, clock, log, persist }: Cron) {
  const specs = new Map<number, Spec | null>();
  /** When a job was first seen that, by the clock, is not made yet: the clock has gone back. */
  const seen = new Map<number, number>();

  function specOf({ id, name, spec, zone }: schedule.Job): Spec | null {
    const known = specs.get(id);
    if (known !== undefined) return known;
    let read: Spec | null = null;
    try {
      read = readSpec(spec, zone);
    } catch (error) {
      // Whoever posted it did not read it: it is never due, and holds up nobody.
      log.error('job.unreadable', { job: name, error });
    }
    specs.set(id, read);
    return read;
  }

  function uptoOf({ id, upto_at }: schedule.Job, now: number): number {
    if (upto_at > 0) return upto_at;
    const since = Math.min(seen.get(id) ?? now, now);
    seen.set(id, since);
    return since;
  }

  async function look(): Promise<Piece | null> {
    const now = clock.now();
    const [wanted] = await store.read(fire.next);
    if (wanted) return byHand(wanted, now);
    for (const job of await store.read(schedule.active(now))) {
      const spec = specOf(job);
      if (!spec) continue;
      const come = timesOf(spec, uptoOf(job, now), now);
      if (come.times.length > 0) return made(job, come, now);
      if (nextOf(spec, now) === null && (await store.read(slot.openOf(job.name))).length === 0) {
        const { id: _, upto_at, ...same } = job;
        return {
          job: job.name,
          ops: [schedule.put({ ...same, state: 'deleted', given_by: 'cron', at: now })],
        };
      }
    }
    return null;
  }

  async function made(job: schedule.Job, come: ReturnType<typeof timesOf>, now: number): Promise<Piece> {
    const { id: schedule_id, name, service } = job;
    const open = await store.read(slot.openOf(name));
    const full = job.kind === 'house' ? open.length > 0 : open.length >= MOST_MISSED;
    const ops = verdictsOn(job.missed, come, now).map((verdict) => {
      const waits = verdict.state === 'due' && full;
      return slot.make({
        ...{ job: name, service, schedule_id, now },
        ...(waits
          ? { ...verdict, state: 'skipped' as const, reason: 'the run before it was not over' }
          : verdict),
      });
    });
    return { job: name, ops };
  }

  async function byHand({ id, job, given_by }: fire.Fire, now: number): Promise<Piece> {
    const [found] = await store.read(schedule.named(job));
    if (!found || found.state === 'deleted') return { job, ops: [fire.taken(id)] };
    log.info('job.wanted', { job, by: given_by });
    const { id: schedule_id, service } = found;
    // The times of jobs are full seconds: this is none of them.
    const due_at = now % 1000 === 0 ? now + 1 : now;
    const row = { job, due_at, service, state: 'due', reason: null, schedule_id, now } as const;
    return { job, ops: [fire.taken(id), slot.make({ ...row, wanted_by: given_by })] };
  }

  async function due(): Promise<number | null> {
    const now = clock.now();
    const nexts = (await store.read(schedule.active(now))).flatMap((job) => {
      const spec = specOf(job);
      return (spec && nextOf(spec, uptoOf(job, now))) ?? [];
    });
    return nexts.length > 0 ? Math.min(...nexts) : null;
  }

  return {
    look,
    due,
    async act({ job, ops }: Piece) {
      await unlessFenced(persist(ops).then(() => log.info('job.due', { job, rows: ops.length })));
    },
  };
}

/** The message that core answers, or why there is none. */
export async function begin({ store, clock, log, persist }: Cron, due: slot.Due): Promise<void> {
  const now = clock.now();
  const { starts_at } = periodOf('day', now);
  const [bill] = due.day_nanousd === null ? [] : await store.read(slot.spentBy(due.job, starts_at));
  const why = skipped(due, bill?.cost_nanousd ?? 0, now);
  if (why !== null) {
    const spent = due.day_nanousd !== null && why === spentWords(due.day_nanousd);
    const word = `The job "${due.job}" rests until tomorrow: ${why}.`;
    await persist([
      slot.end(due.id, { state: 'skipped', reason: why, now }),
      ...(spent ? [unasked(`job:${due.job}:spent:${starts_at}`, due, word, now)] : []),
    ]);
    log.info('slot.skipped', { slot: due.id, job: due.job, why });
    return;
  }
  await persist([
    slot.start(due.id, now),
    inbound.receive({
      source: 'job',
      source_key: String(due.id),
      channel: due.channel,
      conversation: slot.conversationOf(due.id),
      chat: due.chat,
      sender: due.given_by,
      text: instruction(due),
      message_ref: null,
      payload_json: '{}',
      received_at: now,
      state: 'pending',
      note: null,
      unasked: due.wanted_by === null,
    }),
  ]);
  log.info('slot.started', { slot: due.id, job: due.job, late_ms: now - due.due_at });
}

/** Said once, however often the times of its day come. */
function unasked(key: string, { channel, conversation, chat }: slot.Due, text: string, now: number): Op {
  const to = { channel, conversation, chat, kind: 'notice', turn_id: null, message_ref: null } as const;
  return outbound.post({ ...to, key, text, urgency: 'unasked', now });
}

/** What came of it, and the word of it, in one commit. */
async function finish({ store, clock, log, persist }: Cron, over: slot.AtWork): Promise<void> {
  const now = clock.now();
  const { state, reason, tell } = endOf(over);
  const [job] = await store.read(schedule.named(over.job));
  const before = await store.read(slot.ofJob(over.job, MOST_MISSED));
  const ended = before.filter((one) => one.state === 'done' || one.state === 'failed');
  const failures = ended.findIndex((one) => one.state === 'done');
  const inARow = 1 + (failures < 0 ? ended.length : failures);
  const ops: Op[] = [slot.end(over.id, { state, reason, now })];
  let more = '';
  if (state === 'failed' && inARow >= MOST_FAILURES && job?.state === 'active') {
    const { id: _, ...same } = job;
    ops.push(schedule.put({ ...same, state: 'paused', given_by: 'cron', at: now }));
    more = `\n\nIt has failed ${inARow} times in a row, and is paused: /jobs resume ${over.job} has it go on.`;
  }
  if (tell !== null) {
    ops.push(
      outbound.post({
        key: `job:${over.id}`,
        channel: over.channel,
        conversation: over.conversation,
        chat: over.chat,
        kind: 'notice',
        turn_id: over.turn_id,
        text: (tell + more).toWellFormed(),
        message_ref: null,
        format: state === 'done' && over.kind === 'prompt' ? 'markdown' : 'plain',
        now,
      }),
    );
  }
  await persist(ops);
  log.info('slot.ended', { slot: over.id, job: over.job, state });
}

/** What another service says of its slot. */
async function takeOver(
  { clock, log, persist }: Cron,
  { id, slot_id, state, reason, job, slot_state }: slot_outcome.Told,
): Promise<void> {
  const now = clock.now();
  const ops: Op[] = [slot_outcome.taken(id)];
  const open = slot_state === 'due' || slot_state === 'started';
  if (job !== null && open && state !== 'started') {
    ops.push(slot.end(slot_id, { state, reason, now }));
    const cause = `job ${job}`;
    if (state === 'done') ops.push(incident.close(cause, 'cron', now));
    if (state === 'failed') {
      const text = `The house's job "${job}" failed: ${reason ?? 'it did not say why'}`;
      ops.push(incident.open({ cause, service: 'cron', severity: 'warning', text, now }));
    }
    log.info('slot.ended', { slot: slot_id, job, state });
  } else if (slot_state === 'due') ops.push(slot.start(slot_id, now));
  await persist(ops);
}

main(import.meta.filename, cron);
