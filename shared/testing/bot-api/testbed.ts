/**
 * What the tests of the Bot API server share: a server with one chat that the bot has met, a client, and ways to say
 * what a call must end with.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Api, GrammyError, HttpError } from 'grammy';
import { type BotApi, type BotApiOptions, startBotApi } from '../bot-api.ts';
import type { CallRecord } from './server.ts';

export const token = '123:abc';
export const chat_id = 7;
export const day_ms = 86_400_000;

/** The update of the first message is confirmed; `next` is the id of the one after it. */
export async function testbed(t: TestContext, options: Partial<BotApiOptions> = {}) {
  const bot = await startBotApi({ token, ...options });
  t.after(() => bot.close());
  const { update_id } = await bot.say({ chat_id, text: 'hello' });
  assert.ok(update_id !== null);
  const next = update_id + 1;
  const api = clientOf(bot);
  await api.getUpdates({ offset: next });
  await api.getUpdates({ offset: 1 }); // an unknown one: else the test's first poll would repeat the last offset
  return { bot, api, next };
}

export const clientOf = (bot: BotApi) => new Api(token, { apiRoot: bot.root, timeoutSeconds: 60 });

/** What the server says no with. */
export async function descriptionOf(call: Promise<unknown>): Promise<string> {
  const error = await failureOf(call);
  if (!(error instanceof GrammyError)) throw error;
  return error.description;
}

export async function refused(call: Promise<unknown>, description: string): Promise<void> {
  assert.equal(await descriptionOf(call), description);
}

/** What the network, not the server, ends the call with: an error's code, or its message when it has none. */
export async function breakageOf(call: Promise<unknown>): Promise<string> {
  const error = await failureOf(call);
  if (!(error instanceof HttpError) || !(error.error instanceof Error)) throw error;
  return (error.error as { code?: string }).code ?? error.error.message;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  assert.fail('expected the call to fail, but it succeeded');
}

/** The calls of getUpdates that wait for an update, once there is one. */
export const waitingPoll = (bot: BotApi): Promise<CallRecord> =>
  eventually('a waiting poll', async () => {
    return (await bot.calls({ method: 'getUpdates' })).find((call) => call.outcome === 'pending');
  });

/** What `look` finds, as soon as it finds it. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const timeout_ms = 20_000;
  const deadline_ms = performance.now() + timeout_ms;
  while (performance.now() < deadline_ms) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`expected ${what} within ${timeout_ms} ms`);
}
