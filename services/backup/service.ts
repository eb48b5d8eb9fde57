/**
 * backup: verified snapshots and their copies elsewhere, retention, pruning.
 *
 * `cron` says when; `vigil backup now` asks out of turn. A backup is made in full view of those who write, restored once
 * to a scratch place, and only then counts. Then the old ones go, the write-ahead log is folded, and whichever of the
 * places elsewhere has had none for a day gets this one. It owns `backup`; in the tables of others it may remove what has
 * outlived them, and nothing else.
 *
 * When it dies, what was half made is removed at the next start, and the slot is done again. What fails is told to cron
 * and to the owner, and is over with the next one that succeeds. It goes on while all is halted.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#shared/base/errors.ts';
import type { Context } from '#shared/runtime/context.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { foldLog } from '#shared/store/snapshot.ts';
import * as backups from '#shared/tables/backup.ts';
import * as request from '#shared/tables/backup_request.ts';
import * as incident from '#shared/tables/incident.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import { type Config, config } from './config.ts';
import { copiesOf } from './copy.ts';
import { bytesOf, listBackups, type Manifest, makeBackup, manifestOf, removeParts, STORE } from './folder.ts';
import { prune } from './prune.ts';
import { type Keep, madeAt, NEWEST, outdated } from './retention.ts';

type Ctx = Context<Config>;
type Piece = { slot: slot.Slot } | { request: request.Request };

/** A place elsewhere is behind after so long: a day, less what a backup may be early. */
const COPY_AGE_ms = 23 * 3_600_000;
const CAUSE = 'backup';

export const backup = service({
  name: 'backup',
  config,
  async start(ctx) {
    await removeParts(ctx.home.backups);
    await rememberAll(ctx);
    await forgetPlaces(ctx);
    ctx.doing('waiting for work');
    ctx.work<Piece>({
      name: 'backups',
      queue: 'slot',
      idle_ms: 30_000,
      async look() {
        const [asked] = await ctx.store.read(request.next);
        if (asked) return { request: asked };
        const [due] = await ctx.store.read(slot.openFor('backup'));
        return due && { slot: due };
      },
      async act(piece) {
        await ('slot' in piece ? doSlot(ctx, piece.slot) : doRequest(ctx, piece.request));
        ctx.doing('waiting for work');
      },
    });
  },
});

main(import.meta.filename, backup);

async function doSlot(ctx: Ctx, { id, job }: slot.Slot): Promise<void> {
  const tell = (state: slot_outcome.Outcome['state'], reason: string | null) =>
    ctx.persist([slot_outcome.tell({ slot_id: id, service: 'backup', state, reason, at: ctx.clock.now() })]);
  await tell('started', null);
  const { failed, words } = await attempt(ctx, job, { asked: false, keep: ctx.config });
  // One that is cut off by the end of the service is not told: the next start does it again.
  if (!failed || !ctx.signal.aborted) await tell(failed ? 'failed' : 'done', words);
}

async function doRequest(ctx: Ctx, { id, asked_by, alone }: request.Request): Promise<void> {
  const keep = alone === 1 ? NEWEST : ctx.config;
  const { words } = await attempt(ctx, `asked for by ${asked_by}`, { asked: true, keep });
  if (!ctx.signal.aborted) await ctx.persist([request.handled(id, words, ctx.clock.now())]);
}

type Wanted = { asked: boolean; keep: Keep };

async function attempt(ctx: Ctx, job: string, wanted: Wanted): Promise<{ failed: boolean; words: string }> {
  try {
    if (job === 'prune') return { failed: false, words: await pruneAll(ctx) };
    return { failed: false, words: await backUp(ctx, job, wanted) };
  } catch (error) {
    const why = messageOf(error);
    if (!ctx.signal.aborted) {
      ctx.log.error('backup.failed', { job, error });
      await complain(ctx, job === 'prune' ? 'backup prune' : CAUSE, `The ${job} failed: ${why}`);
    }
    return { failed: true, words: why };
  }
}

async function complain(ctx: Ctx, cause: string, text: string): Promise<void> {
  const now = ctx.clock.now();
  await ctx.persist([incident.open({ cause, service: 'backup', severity: 'warning', text, now })]);
}

async function backUp(ctx: Ctx, job: string, wanted: Wanted): Promise<string> {
  const { home, clock, signal } = ctx;
  ctx.doing(`making a backup (${job})`);
  const began = clock.mono();
  const manifest = await makeBackup(home, { job, now: clock.now(), deep: job === 'daily backup', signal });
  const took_ms = Math.round(clock.mono() - began);
  await ctx.persist([backups.record(rowOf(manifest, took_ms)), incident.close(CAUSE, 'backup', clock.now())]);
  const old = outdated(await listBackups(home.backups), wanted.keep);
  for (const id of old) await rm(join(home.backups, id), { recursive: true, force: true });
  await ctx.persist([backups.removed(old, clock.now())]);
  foldLog(home.state);
  ctx.log.info('backup.made', { id: manifest.id, took_ms, removed: old.length, left_out: manifest.left_out });
  const [first, ...more] = manifest.left_out;
  const left_out = first ? [`without ${first}${more.length > 0 ? ` and ${more.length} others` : ''}`] : [];
  return [manifest.id, ...left_out, ...(await copyAll(ctx, manifest.id, wanted))].join('; ');
}

function rowOf(manifest: Manifest, took_ms: number) {
  const { id, job, files } = manifest;
  const store_bytes = files.find(({ path }) => path === STORE)?.bytes ?? 0;
  return { id, job, made_at: madeAt(id) ?? 0, took_ms, bytes: bytesOf(manifest), store_bytes };
}

/** Says what came of each place. One that cannot be reached does not keep the others waiting for a day. */
async function copyAll(ctx: Ctx, id: string, { asked, keep }: Wanted): Promise<string[]> {
  const { home, clock } = ctx;
  const told: string[] = [];
  const copies = copiesOf(ctx.config, {
    secret: ctx.secret('backup') ?? {},
    scratch: join(home.backups, 'copying'),
    signal: ctx.signal,
  });
  for (const [name, copy] of copies) {
    if (ctx.signal.aborted) break;
    const [last] = await ctx.store.read(backups.copiedAt(name));
    if (!asked && clock.now() - (last?.at ?? 0) < COPY_AGE_ms) continue;
    ctx.doing(`copying the backup to ${name}`);
    const cause = `${CAUSE} copy ${name}`;
    try {
      await ctx.external(copy.target, 'backup', () => copy.put(id, join(home.backups, id)));
      await ctx.persist([
        backups.copied(id, name, clock.now()),
        incident.close(cause, 'backup', clock.now()),
      ]);
      told.push(`copied to ${name}`);
      await copy.remove(outdated(await copy.list(), keep));
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      ctx.log.error('copy.failed', { copy: name, error });
      await complain(ctx, cause, `The copy of the backup at ${name} failed: ${messageOf(error)}`);
      told.push(`not copied to ${name}: ${messageOf(error)}`);
    }
  }
  return told;
}

async function pruneAll(ctx: Ctx): Promise<string> {
  ctx.doing('removing old rows');
  const gone = await prune(ctx.store, { now: ctx.clock.now(), signal: ctx.signal });
  foldLog(ctx.home.state);
  await ctx.persist([incident.close('backup prune', 'backup', ctx.clock.now())]);
  const words = [...gone].map(([table, rows]) => `${rows} of ${table}`).join(', ');
  ctx.log.info('rows.pruned', { gone: Object.fromEntries(gone) });
  return words ? `removed ${words}` : 'nothing was old';
}

/** The folders are the truth: one whose row a kill has prevented gets it, a row without its folder is ended. */
async function rememberAll(ctx: Ctx): Promise<void> {
  const rows = new Set((await ctx.store.read(backups.present)).map(({ id }) => id));
  const there = await listBackups(ctx.home.backups);
  for (const id of there.filter((id) => !rows.has(id))) {
    try {
      const manifest = await manifestOf(join(ctx.home.backups, id));
      if (manifest.id === id) await ctx.store.commit([backups.record(rowOf(manifest, 0))]);
    } catch (error) {
      ctx.log.warn('backup.unreadable', { id, error });
    }
  }
  const gone = [...rows].filter((id) => !there.includes(id));
  if (gone.length > 0) await ctx.store.commit([backups.removed(gone, ctx.clock.now())]);
}

/** What was wrong with a place that nothing is copied to any more is over. */
async function forgetPlaces(ctx: Ctx): Promise<void> {
  const named = Object.keys(ctx.config.copies).map((name) => `${CAUSE} copy ${name}`);
  const gone = (await ctx.store.read(incident.ongoing)).filter(
    ({ service, cause }) =>
      service === 'backup' && cause.startsWith(`${CAUSE} copy `) && !named.includes(cause),
  );
  if (gone.length > 0)
    await ctx.store.commit(gone.map(({ cause }) => incident.close(cause, 'backup', ctx.clock.now())));
}
