/**
 * A batch on its way to the provider: where it goes, what it can cost, and its one submission. It is sent once: a second
 * submission would be a second batch, and paid. Only after a refusal that is certain is the reservation given back.
 */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { sendJson } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { Fenced } from '#shared/store/store.ts';
import * as batch from '#shared/tables/batch.ts';
import * as call from '#shared/tables/call.ts';
import * as spend from '#shared/tables/spend.ts';
import * as throttle from '#shared/tables/throttle.ts';
import { bodyOf, jsonOf, within } from '../body.ts';
import { type Caller, refusal, windowsOf } from '../budget.ts';
import { needsOf } from '../choose.ts';
import { fullest, limited, takesOf } from '../limit.ts';
import type { Price } from '../price.ts';
import { allowed, type Router } from '../request.ts';
import type { Route, Target } from '../route.ts';
import { type Ending, passedOn } from '../upstream.ts';
import { batchWorst } from '../worst.ts';
import { ask, BATCHES, causeOf, infoIn, targetOf } from './ask.ts';
import { digestOf, settle, unknownAt } from './settle.ts';
import { here, ownHeaders, tell } from './tell.ts';

export async function create(
  router: Router,
  caller: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { clock, log, store } = router;
  const halted = router.halted();
  if (halted) throw halted;
  const body = await bodyOf(incoming);
  const [known] = caller.step ? await store.read(batch.ofStep(caller.step.id)) : [];
  if (known) return tellAgain(known, incoming, outgoing);
  const plan = planOf(router, caller, body);
  const row = await reserve(router, caller, plan, incoming.headers);
  const ending = await ask(router, plan.target, {
    method: 'POST',
    path: incoming.url ?? BATCHES,
    headers: passedOn(incoming.headers),
    body: plan.body,
    left_ms: router.config.deadline_s * 1000,
  });
  const info = infoIn(ending);
  if (info) {
    const due_at = clock.now() + router.config.batch_poll_s * 1000;
    const accepted = { batch_id: info.id, info_json: JSON.stringify(info), due_at };
    await router.persist([batch.accept(row.call_id, accepted)]).catch((error) => {
      throw unknown(plan, row, messageOf(error));
    });
    log.info('batch.accepted', { call: row.call_id, batch: info.id, requests: row.requests });
  } else if (isRefusal(ending)) {
    await settle(router, row, {
      status: ending.status,
      outcome: ending.outcome,
      error_type: ending.error_type,
      request_id: String(ending.answer?.['request-id'] ?? '') || null,
      estimated: false,
    });
  } else {
    const cause = causeOf(ending);
    log.warn('batch.unknown', { call: row.call_id, cause });
    await store.commit([batch.defer(row, clock.now())]).catch((error) => {
      // It is looked at when its time has come, then.
      log.warn('batch.deferred', { call: row.call_id, error });
    });
    throw unknown(plan, row, cause);
  }
  tell(incoming, outgoing, ending, ownHeaders(row, plan.target), row.call_id);
}

/** What was submitted under this step before is not submitted again. */
function tellAgain(row: batch.Open, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (row.batch_id === null) throw undecided(row.call_id);
  if (row.info_json === null)
    throw new ApiError('not_found_error', `router: batch ${row.batch_id} is deleted`);
  sendJson(outgoing, 200, here(incoming, JSON.parse(row.info_json)), {
    'x-vigil-call': row.call_id,
    'x-vigil-replay': '1',
  });
}

function undecided(call_id: string): ApiError {
  return new ApiError(
    'conflict_error',
    'router: this batch was submitted before, and nobody knows yet whether the provider has taken it',
    { headers: { 'x-should-retry': 'false', 'x-vigil-call': call_id } },
  );
}

/** No SDK shall try this again by itself. */
function unknown({ target }: Plan, { call_id }: batch.Open, cause: string): ApiError {
  return new ApiError(
    'api_error',
    `router: nobody knows whether ${target.provider.name} has taken the batch (${cause}). What it may cost stays reserved until that is known; one that is sent again may be a second one`,
    { status: 502, headers: { 'x-should-retry': 'false', 'x-vigil-call': call_id } },
  );
}

/** The provider has certainly not taken it: it never heard of it, or has said no. */
function isRefusal({ sent, status }: Ending): boolean {
  return !sent || (status !== null && status >= 300 && (status < 500 || status === 503 || status === 529));
}

type Plan = {
  /** Its `model` is all the models, for the ledger. */
  target: Target;
  body: Buffer;
  /** The models and aliases by the names that the client has for them. */
  asked: string[];
  /** null: models by their own names, or several aliases. */
  alias: string | null;
  prices: Map<string, Price>;
  requests: number;
  custom_ids: string;
  hold_nanousd: number;
};

type Wanted = { model: string; params: Record<string, unknown>; route: Route; targets: Target[] };

/** @throws ApiError for what may not be asked, cannot be sent together, or has no bound */
function planOf(router: Router, caller: Caller, body: Buffer): Plan {
  const json = jsonOf(body);
  if (!Array.isArray(json.requests) || json.requests.length === 0) {
    invalid('requests', 'expected a list with at least one request');
  }
  const requests: { custom_id?: unknown; params?: Record<string, unknown> }[] = json.requests;
  const wanted = requests.map((request, index): Wanted => {
    const params = request?.params;
    const model = params?.model;
    if (!params || typeof model !== 'string' || model === '') {
      invalid(`requests.${index}.params.model`, 'expected the name of an alias or model');
    }
    const route = within(`requests.${index}`, () => {
      const found = router.routes.of({ model, task: caller.task, request: params });
      allowed(caller, { model }, found);
      return found;
    });
    const needs = needsOf(params);
    const targets = route.ranks
      .flat()
      .filter(
        ({ provider: { kind, without } }) => kind === 'anthropic' && !without.some((need) => needs.has(need)),
      );
    if (targets.length === 0) {
      invalid(
        `requests.${index}`,
        `nobody behind '${model}' takes batches: expected a provider of kind "anthropic"`,
      );
    }
    return { model, params, route, targets };
  });
  const { home, targets } = together(wanted);
  const renamed = wanted.some(({ model }, index) => model !== targets[index]?.model);
  const sent = wanted.map(({ params }, index) => ({
    ...requests[index],
    params: { ...params, model: targets[index]?.model },
  }));
  const prices = new Map(targets.map((target) => [target.model, router.routes.price(target)]));
  const priceOfModel = (model: string) => prices.get(model) ?? router.routes.priceOfModel(model);
  const aliases = new Set(wanted.map(({ route }) => route.alias));
  const [alias = null] = aliases;
  const digest = digestOf();
  for (const { custom_id } of requests) digest.add(custom_id);
  return {
    target: targetOf(home.provider, home.account, [...prices.keys()].join(', ')),
    asked: [...new Set(wanted.map(({ model }) => model))],
    alias: aliases.size === 1 ? alias : null,
    prices,
    requests: requests.length,
    custom_ids: digest.value(),
    hold_nanousd: batchWorst({ requests: sent }, priceOfModel).nanousd,
    body: renamed ? Buffer.from(JSON.stringify({ ...json, requests: sent })) : body,
  };
}

/** For each request its target, all of one account: the first that the first request prefers and the others have too. */
function together(wanted: readonly Wanted[]): { home: Target; targets: Target[] } {
  const at = (home: Target) =>
    wanted.map(({ targets }) =>
      targets.find(({ provider, account }) => provider === home.provider && account === home.account),
    );
  const homes = wanted[0]?.targets ?? [];
  for (const home of homes) {
    const targets = at(home);
    if (targets.every((target) => target !== undefined)) return { home, targets };
  }
  const index = homes[0] ? at(homes[0]).indexOf(undefined) : 0;
  invalid(
    `requests.${index}`,
    `'${wanted[index]?.model}' goes to another provider than '${wanted[0]?.model}' of requests.0, and a batch goes to one. Cure: submit them apart`,
  );
}

function invalid(where: string, what: string): never {
  throw new ApiError('invalid_request_error', `router: ${where}: ${what}`);
}

/** Reserves the most that it can cost, durably, as one call and one request. It waits in no line: batches can wait elsewhere. */
async function reserve(
  router: Router,
  caller: Caller,
  plan: Plan,
  from: IncomingHttpHeaders,
): Promise<batch.Open> {
  const { store, clock, state, limits } = router;
  const { target, prices, asked, alias, requests, custom_ids, hold_nanousd } = plan;
  const { provider, account, model } = target;
  for (;;) {
    const now = clock.now();
    const id = uuid(now);
    const windows = windowsOf(router.budget(), caller, now);
    const windows_json = JSON.stringify(windows.map(({ id }) => id));
    const takes = takesOf(limits, target, 0);
    const row = {
      call_id: id,
      access_key: caller.key?.name ?? null,
      provider: provider.name,
      organisation: account.organisation,
      requests,
      custom_ids,
      headers_json: JSON.stringify(ofTheApi(from)),
      prices_json: JSON.stringify(Object.fromEntries(prices)),
      due_at: unknownAt(router, now),
      step: caller.step?.id ?? null,
    };
    const opened: call.Reservation = {
      id,
      kind: 'batch',
      request: id,
      attempt: 1,
      caller: caller.name,
      turn_id: caller.turn_id,
      conversation: caller.conversation,
      alias,
      task: caller.task,
      unasked: caller.unasked,
      provider: provider.name,
      model,
      target: target.name,
      reason_json: JSON.stringify({ asked, requests, taken: target.name }),
      stream: false,
      worker: router.worker,
      owner: router.instance,
      opened_at: now,
      hold_nanousd,
      windows_json,
      price_rev: [...new Set([...prices.values()].map(({ rev }) => rev))].join(', '),
    };
    try {
      await store.commit([
        ...windows.map((window) => spend.hold(window, hold_nanousd)),
        throttle.take(takes, now),
        call.open(opened),
        batch.open(row),
      ]);
      return { ...opened, ...row, seq: 0, batch_id: null, missed_at: null, info_json: null };
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      if (error.verb === 'batch.open') throw undecided(id);
      if (error.verb === 'throttle.take') {
        const full = fullest(takes, await store.read(throttle.of(takes.map(({ bucket }) => bucket))), now);
        if (full) throw limited(`the rate limit of ${full.bucket} is reached`, full.free_at, now);
      } else if (state.settling.size > 0) {
        await Promise.race(state.settling);
      } else {
        const refused = await refusal(store, windows, hold_nanousd, now);
        if (refused) throw refused;
      }
    }
  }
}

/** What later requests about it have to say too. */
function ofTheApi(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('anthropic-')));
}
