/**
 * The answer to the watchdog's canary, by a rule of the router's own: no provider is asked, nothing is reserved, and
 * nothing of it is in the ledger, a budget, a total or the record. It shows that the router takes requests, judges them,
 * and reads its store.
 */

import type { ServerResponse } from 'node:http';
import { type Answer, newId, sendAnswer, text, usageOf } from '#shared/messages/answer.ts';
import { canaryModel } from '#shared/messages/canary.ts';
import * as breaker from '#shared/tables/breaker.ts';
import type { Asked } from './body.ts';
import type { Caller } from './budget.ts';
import type { Router } from './request.ts';

/** Whether it is one: only the suite keeps canaries. */
export function isCanary(caller: Caller, asked: Asked): boolean {
  return caller.key === null && asked.model === canaryModel;
}

export async function answerCanary(
  router: Router,
  { stream }: Asked,
  outgoing: ServerResponse,
): Promise<void> {
  await router.store.read(breaker.all);
  const usage = usageOf({ input_tokens: 0, output_tokens: 0 });
  const answer: Answer = {
    model: canaryModel,
    content: [text('I am here.')],
    stop_reason: 'end_turn',
    usage,
  };
  await sendAnswer(outgoing, answer, { stream, headers: { 'request-id': newId('req') } });
}
