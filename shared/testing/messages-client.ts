/** The official SDK as a client of the test server, for the tests of both sides. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { type Call, type MessagesApi, type Options, startMessagesApi } from './messages-api.ts';

export const key = 'sk-test';
export const model = 'claude-haiku-5-5';

/** A server for one test. */
export async function serve(t: TestContext, options: Partial<Options> = {}): Promise<MessagesApi> {
  const api = await startMessagesApi({ key, ...options });
  t.after(() => api.close());
  return api;
}

export const clientOf = (api: { root: string }, options = {}) =>
  new Anthropic({ apiKey: key, baseURL: api.root, maxRetries: 0, logLevel: 'off', ...options });

export type Ask = Anthropic.MessageCreateParamsNonStreaming;

export const saying = (content: string, more: Partial<Ask> = {}): Ask => ({
  model,
  max_tokens: 1000,
  messages: [{ role: 'user', content }],
  ...more,
});

/** The answer, asked for plain or as a stream. */
export function ask(client: Anthropic, stream: boolean, asked = saying('hi'), options = {}) {
  return stream
    ? client.messages.stream(asked, options).finalMessage()
    : client.messages.create(asked, options);
}

export function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : `[${block.type}]`)).join('');
}

/** What the promise fails with. */
export async function failure(promise: Promise<unknown>): Promise<InstanceType<typeof Anthropic.APIError>> {
  const error: unknown = await promise.then(
    (value) => assert.fail(`no error but ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof Error, String(error));
  return error as InstanceType<typeof Anthropic.APIError>;
}

export const lastCall = (api: MessagesApi): Call => api.calls().at(-1) ?? assert.fail('there was no call');
