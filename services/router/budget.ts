/**
 * The budgets: which windows of `spend` a call is reserved in, what the refusal says when one has no room, and the one
 * word to the owner when four fifths of it are spent.
 */

import { NANO, nanousdOf, usd } from '#shared/base/money.ts';
import { ApiError } from '#shared/messages/error.ts';
import { type Budget, commonWindows, keyWindows, unaskedWindow, windowOf } from '#shared/runtime/budgets.ts';
import type { Store } from '#shared/store/store.ts';
import { Fenced } from '#shared/store/store.ts';
import type { AccessKey } from '#shared/tables/access_key.ts';
import * as incident from '#shared/tables/incident.ts';
import * as spend from '#shared/tables/spend.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Step } from './replay.ts';

/** Who asks: a service of the suite, or a client with its key. */
export type Caller = {
  name: string;
  /** null: a service of the suite, over the Unix socket. */
  key: AccessKey | null;
  turn_id: string | null;
  conversation: string | null;
  task: string | null;
  unasked: boolean;
  /** Which step it is: the same again gets the same answer. */
  step: Step | null;
  /** The most that a service of the suite lets all of its own calls cost in a day. */
  day_nanousd: number | null;
};

/** What a service has set for itself is called so. */
const OWN = 'own ';

/** Every window that a call of this caller counts in. */
export function windowsOf(budget: Budget, caller: Caller, now: number): spend.Window[] {
  const { key, turn_id, day_nanousd } = caller;
  const windows = commonWindows(budget, now);
  if (budget.alert_usd > 0) windows.push(windowOf('alert', 'day', now, { nanousd: null }));
  if (caller.unasked) windows.push(unaskedWindow(budget, now));
  if (day_nanousd !== null)
    windows.push(windowOf(`${OWN}${caller.name}`, 'day', now, { nanousd: day_nanousd }));
  if (turn_id !== null) {
    windows.push({
      id: `turn ${turn_id}`,
      budget: 'turn',
      starts_at: now,
      ends_at: null,
      limit_nanousd: nanousdOf(budget.turn_usd),
      limit_calls: null,
    });
  }
  if (key) windows.push(...keyWindows(key, now));
  return windows;
}

/** The first window without room for so much, as the error that says so; null when there is room after all. */
export async function refusal(
  store: Store,
  windows: readonly spend.Window[],
  hold_nanousd: number,
  now: number,
): Promise<ApiError | null> {
  const ids = windows.map(({ id }) => id);
  const rows = new Map((await store.read(spend.of(ids))).map((row) => [row.id, row]));
  const added = new Map((await store.read(spend.added(ids))).map(({ id, nanousd }) => [id, nanousd]));
  for (const window of windows) {
    const { spent_nanousd = 0, held_nanousd = 0, calls = 0 } = rows.get(window.id) ?? {};
    if (window.limit_calls !== null && calls >= window.limit_calls) {
      return refused(
        window,
        now,
        `all ${window.limit_calls} calls of ${called(window)} are made`,
        window.budget.startsWith('key ')
          ? 'a key that may make more (scripts/vigil key add)'
          : 'a higher [budget] calls_per_hour in config.toml',
      );
    }
    if (window.limit_nanousd === null || hold_nanousd === 0) continue;
    const limit = window.limit_nanousd + (added.get(window.id) ?? 0);
    const missing_nanousd = spent_nanousd + held_nanousd + hold_nanousd - limit;
    if (missing_nanousd <= 0) continue;
    const reserved = held_nanousd > 0 ? `, ${usd(held_nanousd)} reserved by calls under way` : '';
    const what = `${called(window)} has ${usd(limit)}: ${usd(spent_nanousd)} spent${reserved}, and this call may cost up to ${usd(hold_nanousd)}`;
    const cure = window.budget.startsWith(OWN)
      ? `a higher day_usd in config.toml, [${window.budget.slice(OWN.length)}]`
      : `scripts/vigil budget raise ${spoken(window)} ${Math.ceil(missing_nanousd / NANO)}`;
    // What is only reserved is free again soon, and what is larger than the limit never has room.
    if (spent_nanousd + hold_nanousd <= limit) return refused(window, now, what, cure, now + SOON_ms);
    return refused(window, now, what, cure, hold_nanousd > limit ? null : window.ends_at);
  }
  return null;
}

/** Calls under way are mostly over by then. */
const SOON_ms = 5000;

function refused(
  window: spend.Window,
  now: number,
  what: string,
  cure: string,
  again_at = window.ends_at,
): ApiError {
  const soon = again_at !== null && again_at - now <= SOON_ms && again_at !== window.ends_at;
  const then =
    again_at === null
      ? ''
      : soon
        ? 'it goes on when they are over, or '
        : `it resumes ${when(again_at)}, or `;
  const headers: Record<string, string> = { 'x-should-retry': 'false' };
  // A refusal that passes by itself is nothing to ask anybody about.
  if (!soon) headers['x-vigil-budget'] = window.id;
  if (again_at !== null) headers['retry-after'] = String(Math.max(1, Math.ceil((again_at - now) / 1000)));
  const message = `budget: ${what}; ${then}at once with: ${cure}`;
  return new ApiError('billing_error', message, { error_code: 'budget_exceeded', headers });
}

function called({ budget }: spend.Window): string {
  if (budget === 'turn') return 'this answer';
  if (budget.startsWith(OWN)) return `what ${budget.slice(OWN.length)} asks by itself today`;
  if (budget === 'unasked') return 'work that nobody asked for, today,';
  const key = /^key (\S+) (\S+)$/.exec(budget);
  if (key) return `the key '${key[1]}', this ${key[2]},`;
  return budget === 'day' ? 'today' : `this ${budget}`;
}

/** As `vigil budget raise` wants to hear it. */
function spoken({ budget, id }: spend.Window): string {
  return budget === 'turn' ? id.replace(' ', ':') : budget.replaceAll(' ', ':');
}

function when(at: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const local = new Date(at);
  const day = `${local.getFullYear()}-${two(local.getMonth() + 1)}-${two(local.getDate())}`;
  return `on ${day} at ${two(local.getHours())}:${two(local.getMinutes())}`;
}

/** What of a budget's limit may be spent before the owner hears of it. */
const ALERT_at = 0.8;

/** Tells the owner of every window that has come near its end since `since_at`: once for each. */
export async function alerts(store: Store, budget: Budget, since_at: number, now: number): Promise<void> {
  for (const row of await store.read(spend.unalerted(since_at))) {
    const limit = row.budget === 'alert' ? nanousdOf(budget.alert_usd) : row.limit_nanousd;
    // A budget of nothing, in which free calls are made, is no news; nor is what a service does another day.
    if (limit === null || row.spent_nanousd === 0 || row.budget.startsWith(OWN)) continue;
    if (row.spent_nanousd >= (row.budget === 'alert' ? limit : limit * ALERT_at)) {
      await alert(store, row, now, row.spent_nanousd, limit);
    }
  }
  await allClear(store, budget, now);
}

const CAUSE = 'budget ';

/** Ends the alerts of windows that are over, or have room again: their limit was raised. */
async function allClear(store: Store, budget: Budget, now: number): Promise<void> {
  const open = await store.read(incident.ongoing);
  const alerted = open.filter(({ cause, service }) => service === 'router' && cause.startsWith(CAUSE));
  if (alerted.length === 0) return;
  const ids = alerted.map(({ cause }) => cause.slice(CAUSE.length));
  const rows = new Map((await store.read(spend.of(ids))).map((row) => [row.id, row]));
  const added = new Map((await store.read(spend.added(ids))).map(({ id, nanousd }) => [id, nanousd]));
  for (const id of ids) {
    const row = rows.get(id);
    if (row && !(await isOver(store, row, now))) {
      const limit = row.budget === 'alert' ? nanousdOf(budget.alert_usd) : row.limit_nanousd;
      const near = row.budget === 'alert' ? 1 : ALERT_at;
      if (limit !== null && row.spent_nanousd >= (limit + (added.get(id) ?? 0)) * near) continue;
    }
    await store.commit([incident.close(`${CAUSE}${id}`, 'router', now)]);
  }
}

/** The budget of one answer is over with its turn. */
async function isOver(store: Store, { id, budget, ends_at }: spend.Spend, now: number): Promise<boolean> {
  if (budget === 'turn') return (await store.read(turn.unfinished(id.slice('turn '.length)))).length === 0;
  return ends_at !== null && ends_at <= now;
}

async function alert(
  store: Store,
  window: spend.Window,
  now: number,
  spent_nanousd: number,
  limit_nanousd: number,
): Promise<void> {
  const text =
    window.budget === 'alert'
      ? `Today's model calls have cost ${usd(spent_nanousd)}: alert_usd is ${usd(limit_nanousd)}.`
      : `The budget of ${called(window)} is nearly used: ${usd(spent_nanousd)} of ${usd(limit_nanousd)}. At the limit, calls are refused until ${when(window.ends_at ?? now).slice(3)}.`;
  try {
    await store.commit([
      spend.alerted(window.id, now),
      incident.open({ cause: `${CAUSE}${window.id}`, service: 'router', severity: 'warning', text, now }),
    ]);
  } catch (error) {
    // Another router has told it already.
    if (!(error instanceof Fenced)) throw error;
  }
}
