/** One request while it is being answered: who asks for what, where it may go, and how often it was tried there. */

import type { IncomingMessage } from 'node:http';
import type { Clock } from '#shared/base/clock.ts';
import type { Log } from '#shared/base/log.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Budget } from '#shared/runtime/budgets.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Store } from '#shared/store/store.ts';
import type { Breaker } from '#shared/tables/breaker.ts';
import type { Asked } from './body.ts';
import type { Caller } from './budget.ts';
import { needsOf } from './choose.ts';
import type { Config } from './config.ts';
import type { Learned, Limits, Line } from './limit.ts';
import type { Price } from './price.ts';
import type { Making } from './replay.ts';
import type { Route, Routes, Target } from './route.ts';
import type { Seen } from './seen.ts';
import type { Outlet } from './upstream.ts';
import type { Worst } from './worst.ts';

export type Router = {
  store: Store;
  persist: Context<unknown>['persist'];
  log: Log;
  clock: Clock;
  instance: string;
  worker: number;
  config: Config;
  /** As the config has it now: it may change while the router runs. */
  budget: () => Budget;
  limits: Limits;
  /** A stream that says nothing for so long is given up. */
  idle_ms: number;
  routes: Routes;
  /** By target: those that have failed lately. */
  breakers: Seen<ReadonlyMap<string, Breaker>>;
  /** Aborts when what is in flight must end, because the router does. */
  signal: AbortSignal;
  /** The same for the calls of now: they also end when all is halted. Its reason is an ApiError. */
  calls: () => AbortSignal;
  /** What a call is told while all is halted; null: nothing is. */
  halted: () => ApiError | null;
  state: State;
};

/** What this process alone knows: worth having, and nobody's loss when it dies. */
export type State = {
  lines: Map<string, Line>;
  inFlight: Map<string, number>;
  /** What is left of the target's own limits, from 0 to 1, as its last answer said, and until when that holds. */
  headroom: Map<string, { left: number; until_at: number }>;
  /** By target: the limits that its provider names in its answers. */
  learned: Map<string, Learned>;
  /** The target that each conversation was answered by last, the latest at the end. */
  homes: Map<string, string>;
  /** Which key of each account is in use. */
  keys: Map<string, number>;
  settling: Set<Promise<void>>;
  /** By step: the answers that are being made. */
  makings: Map<string, Making>;
};

export const freshState = (): State => ({
  lines: new Map(),
  inFlight: new Map(),
  headroom: new Map(),
  learned: new Map(),
  homes: new Map(),
  keys: new Map(),
  settling: new Set(),
  makings: new Map(),
});

/** What is known of one target while one request is being tried. */
export type Try = {
  target: Target;
  rank: number;
  price: Price;
  /** Worked out when it is first needed. */
  worst: Worst | null;
  /** Bills that were about to be written were waited for. */
  waited: boolean;
  /** The provider was asked how many tokens the request has. */
  counted: boolean;
  tries: number;
  /** Why this request does not go there any more. */
  over: string | null;
  /** Not before this time. */
  due_at: number;
  /** It has said itself that it takes nothing before. */
  limited: boolean;
};

export type Request = {
  id: string;
  caller: Caller;
  asked: Asked;
  route: Route;
  incoming: IncomingMessage;
  outgoing: Outlet;
  /** Aborts when it must end; its reason is what the client is told. */
  signal: AbortSignal;
  /** So long an answer of `max_tokens` may take. */
  long_ms: number;
  /** On the monotonic clock. */
  deadline: number;
  home: string | undefined;
  tries: Try[];
  /** So many attempts were made. */
  attempts: number;
};

export function requestOf(
  router: Router,
  id: string,
  caller: Caller,
  asked: Asked,
  incoming: IncomingMessage,
  outgoing: Outlet,
): Request {
  const { clock, config, routes, state } = router;
  // In this order: a halt after the look aborts the signal.
  const signal = router.calls();
  const halted = router.halted();
  if (halted) throw halted;
  const route = routes.of({ model: asked.model, task: caller.task, request: asked.json });
  allowed(caller, asked, route);
  const lackOf = lacksFor(asked, route);
  const tries = route.ranks.flatMap((targets, rank) =>
    targets.map((target): Try => {
      const price = routes.price(target);
      const lack = lackOf(target);
      const over = lack === null ? null : `capability: it has no ${lack}`;
      return {
        target,
        rank,
        price,
        worst: null,
        waited: false,
        counted: false,
        tries: 0,
        over,
        due_at: 0,
        limited: false,
      };
    }),
  );
  // The time that the SDK, too, expects an answer to take: 128,000 tokens an hour.
  const long_ms = (Math.min(asked.max_tokens, 128_000) * 3_600_000) / 128_000;
  return {
    id,
    caller,
    asked,
    route,
    incoming,
    outgoing,
    signal,
    long_ms,
    deadline: clock.mono() + Math.max(config.deadline_s * 1000, long_ms),
    home: state.homes.get(homeKey(caller, asked) ?? ''),
    tries,
    attempts: 0,
  };
}

/** What a target lacks for it; null: nothing. */
function lacksFor(asked: Asked, { ranks }: Route): (target: Target) => string | null {
  if (asked.what === 'vectors') {
    const able = (target: Target) => target.provider.kind === 'openai';
    // Those of another model mean something else: to fall over to it would be worse than no answer.
    const model = ranks.flat().find(able)?.model;
    return (target) => (able(target) ? (target.model === model ? null : `vectors of ${model}`) : 'vectors');
  }
  const needs = needsOf(asked.json);
  return ({ provider }) => provider.without.filter((need) => needs.has(need)).join(', ') || null;
}

/** What the caller may not ask for. */
export function allowed(
  { key, unasked }: Caller,
  { model }: Pick<Asked, 'model'>,
  { alias, tier }: Route,
): void {
  if (unasked && tier === 'complex') {
    throw new ApiError(
      'permission_error',
      `router: '${model}' is of the complex tier, which work that nobody asked for never uses`,
    );
  }
  if (!key?.aliases_json) return;
  const names: unknown[] = JSON.parse(key.aliases_json);
  if (!names.includes(alias ?? model)) {
    throw new ApiError(
      'permission_error',
      `router: the key '${key.name}' may not ask for '${model}'; it may ask for ${names.join(', ')}`,
    );
  }
}

/** What keeps a conversation together: the suite says it, other clients by `metadata.user_id`. */
export function homeKey(caller: Caller, { json }: Asked): string | null {
  if (caller.conversation !== null) return caller.conversation;
  const { metadata } = json as { metadata?: { user_id?: unknown } | null };
  return typeof metadata?.user_id === 'string' ? `${caller.name} ${metadata.user_id}` : null;
}

/** One organisation's account at one provider. */
export type Place = Pick<Target, 'provider' | 'account'>;

const accountName = ({ provider, account }: Place) => `${provider.name} ${account.organisation}`;

export function keyOf({ state }: Router, target: Place): number {
  return state.keys.get(accountName(target)) ?? 0;
}

/**
 * Takes the next key of the same organisation, when the one that was `used` is refused; false when there is none. Calls
 * that were refused together move on by one key, not by one each.
 */
export function nextKey(router: Router, target: Place, used: number, status: number | null): boolean {
  if (status !== 401 && status !== 403) return false;
  const next = Math.max(used + 1, keyOf(router, target));
  if (next >= target.account.keys.length) return false;
  router.state.keys.set(accountName(target), next);
  return true;
}
