/** What costs nothing is handed on and back, without reservation and ledger: counting tokens, and the list of models. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { uuid } from '#shared/base/ids.ts';
import { modelInfo, sendJson } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { type Asked, withModel } from './body.ts';
import type { Caller } from './budget.ts';
import { refuse } from './forward.ts';
import { ANTHROPIC } from './provider.ts';
import { allowed, keyOf, nextKey, type Place, type Router } from './request.ts';
import { attempt, type Ending, passedBack, passedOn } from './upstream.ts';
import { anthropic } from './wire.ts';

const PATIENCE_ms = 60_000;

/** Asks the first target of the route that can count. */
export async function countTokens(
  router: Router,
  caller: Caller,
  asked: Asked,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const route = router.routes.of({ model: asked.model, task: caller.task, request: asked.json });
  allowed(caller, asked, route);
  const target = route.ranks.flat().find(({ provider }) => provider.kind === 'anthropic');
  if (!target) throw new ApiError('not_found_error', `router: nobody behind '${asked.model}' counts tokens`);
  const ending = await relay(router, target, incoming, outgoing, withModel(asked, target.model));
  if (!ending.told) refuse(outgoing, ending, { 'x-vigil-target': target.name }, uuid(router.clock.now()));
}

/** The aliases, and after them what the provider of plain model names has. */
export async function listModels(
  router: Router,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const path = incoming.url ?? '';
  const asked = decoded(/^\/v1\/models\/([^?]+)/.exec(path)?.[1] ?? '');
  const alias = asked === '' ? undefined : router.routes.aliases.get(asked);
  if (alias) {
    const [preferred] = alias.ranks.flat();
    const target = preferred ? { 'x-vigil-target': preferred.name } : {};
    return sendJson(outgoing, 200, modelOf(asked), target);
  }
  const provider = router.routes.providers.get(ANTHROPIC);
  const [account] = provider?.accounts ?? [];
  if (!provider || !account) {
    throw new ApiError('not_found_error', 'router: there is no provider of models');
  }
  // A single model, and further pages, are the provider's alone.
  const first = asked === '' && !/[?&](after_id|before_id)=/.test(path);
  const ending = await relay(
    router,
    { provider, account },
    incoming,
    first ? null : outgoing,
    Buffer.alloc(0),
  );
  if (ending.told) return;
  if (ending.outcome !== 'ok' || !ending.body) {
    return refuse(outgoing, ending, {}, uuid(router.clock.now()));
  }
  const list: unknown = JSON.parse(ending.body.toString('utf8'));
  const aliases = [...router.routes.aliases.keys()];
  sendJson(outgoing, 200, withAliases(list, aliases), passedBack(ending.answer ?? {}));
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new ApiError('not_found_error', `router: model: '${name}' is no name`);
  }
}

function withAliases(list: unknown, aliases: string[]): unknown {
  const { data = [], ...rest } = list as { data?: unknown[] };
  return { ...rest, data: [...aliases.map(modelOf), ...data], first_id: aliases[0] };
}

const modelOf = (alias: string) => modelInfo(alias, `Vigil: ${alias}`);

/** @param outgoing null: the answer is kept in the ending's body instead */
async function relay(
  router: Router,
  to: Place,
  incoming: IncomingMessage,
  outgoing: ServerResponse | null,
  body: Buffer,
): Promise<Ending> {
  for (;;) {
    const key = keyOf(router, to);
    const ending = await attempt({
      provider: to.provider,
      method: incoming.method ?? 'GET',
      wire: anthropic(to.account.keys[key] ?? '', incoming.url ?? '/', body, passedOn(incoming.headers)),
      expect: 'json',
      streams: false,
      idle_ms: router.idle_ms,
      left_ms: PATIENCE_ms,
      clock: router.clock,
      outgoing,
      signal: router.signal,
      headers: {},
      record: false,
    });
    if (ending.told || !nextKey(router, to, key, ending.status)) return ending;
  }
}
