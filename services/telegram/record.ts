/** Every call of the Bot API is a row, so that one can look up what was asked of Telegram, for what, and how it went. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Api } from 'grammy/web';
import { codeOf } from '#shared/base/errors.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as external_call from '#shared/tables/external_call.ts';

/** What calls are made for: the row that holds what is sent, and the turn. */
export type Subject = { payload: string; turn_id: string | null; retries?: number };

const subject = new AsyncLocalStorage<Subject>();

/** Whatever `step` asks of Telegram is recorded as done for this. */
export const callingFor = <T>(what: Subject, step: () => Promise<T>): Promise<T> => subject.run(what, step);

/** Records the calls of a client. A poll that came back is told by what it brought. */
export function recordCalls(ctx: Context<unknown>, api: Api, apiRoot: string): void {
  const target = new URL(apiRoot).host;
  api.config.use(async (call, method, payload, signal) => {
    const began = ctx.clock.mono();
    const record = (status: string) => {
      const { payload: about = null, turn_id = null, retries = 0 } = subject.getStore() ?? {};
      const latency_ms = Math.round(ctx.clock.mono() - began);
      const row = {
        service: 'telegram',
        target,
        action: method,
        payload: about,
        status,
        latency_ms,
        retries,
        turn_id,
      };
      ctx.store
        .commit([external_call.record({ ...row, at: ctx.clock.now() })], 'soon')
        .catch((error) => ctx.log.warn('call.unrecorded', { error }));
    };
    try {
      const answer = await call(method, payload, signal);
      if (!answer.ok) record(String(answer.error_code));
      else if (method !== 'getUpdates') record('ok');
      return answer;
    } catch (error) {
      if (!signal?.aborted) record(codeIn(error) || 'no answer');
      throw error;
    }
  });
}

/** grammY wraps what the network said. */
function codeIn(error: unknown): string {
  const inner = (error as { error?: unknown } | null)?.error;
  return codeOf(error) || codeOf(inner);
}
