/** What costs nothing is handed on and back, without reservation and ledger: counting tokens, and the list of models. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendError, sendJson } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { uuid } from '#shared/base/ids.ts';
import { type Asked, withModel } from './body.ts';
import type { Caller } from './budget.ts';
import { accountKey, allowed, type Router } from './forward.ts';
import { type Provider } from './provider.ts';
import type { Target } from './route.ts';
import { attempt, passedBack, passedOn } from './upstream.ts';
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
  if (!target) {
    throw new ApiError('not_found_error', `router: nobody behind '${asked.model}' counts tokens`);
  }
  await relay(router, target, withModel(asked, target.model), incoming, outgoing);
}
