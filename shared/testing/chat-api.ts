/**
 * OpenAI's Chat Completions API as a server to test against: its rules for requests, its two forms of answer, the same
 * faults as the Messages API's test server has, and a bill at the end.
 *
 * In a test: `const api = await startChatApi({ key: 'sk-test' })`, then the base URL is `${api.root}/v1`.
 */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { messageOf } from '#shared/base/errors.ts';
import { newId, send, sendJson, streamHeaders } from '#shared/messages/answer.ts';
import { ApiError, type ErrorType } from '#shared/messages/error.ts';
import { keyOf, readBody } from '#shared/messages/request.ts';
import { type ChatScript, composeChat, heardInChat, streamedChat, wholeChat } from './chat-answer.ts';
import { ChatError, type ChatRequest, checkChat } from './chat-rules.ts';
import { listening } from './messages-api.ts';
import { type Billed, nothing, type Piece } from './messages-bill.ts';
import {
  cut,
  drip,
  errorOf,
  type Fault,
  type FaultKind,
  faultBook,
  sendPage,
  strike,
  wasCut,
} from './messages-faults.ts';
import { type Delay, draw, pause, randomFrom } from './messages-latency.ts';

export type ChatCall = {
  /** The `x-request-id` of the answer. */
  id: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
  /** null as long as no header was sent. */
  status: number | null;
  fault: FaultKind | null;
  /** The client hung up before the answer was complete. */
  client_left: boolean;
  billed: Billed;
};

/** The vector of a text. */
export type Embed = (text: string) => number[];

export type ChatApi = Awaited<ReturnType<typeof startChatApi>>;

const sayBack: ChatScript = (request) => `answer to: ${heardInChat(request).trimEnd().split('\n').at(-1)}`;

export async function startChatApi(options: {
  key: string;
  port?: number;
  /** The models it knows; without a list, any. */
  models?: readonly string[];
  /** Faults of one seed are the same in every run. */
  seed?: number;
}) {
  const random = randomFrom(options.seed ?? 1);
  const faults = faultBook(random);
  const log: ChatCall[] = [];
  const total = { ...nothing };
  const inFlight = new Set<ServerResponse>();
  let answered = 0;
  let script = sayBack;
  let per_chunk_ms: Delay = 0;
  let embed: Embed | undefined;

  const server = createServer((request, response) => void serve(request, response));
  server.keepAliveTimeout = 4 * 60_000;
  const port = await listening(server, options.port ?? 0);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const call: ChatCall = {
      id: newId('req'),
      method,
      path: url,
      headers,
      body: undefined,
      status: null,
      fault: null,
      client_left: false,
      billed: { ...nothing },
    };
    log.push(call);
    inFlight.add(response);
    response.once('close', () => {
      call.status = response.headersSent ? response.statusCode : null;
      call.client_left = !response.writableFinished && !wasCut(response);
      inFlight.delete(response);
      if (!server.listening) request.socket.destroySoon();
    });
    try {
      await answer(request, response, call);
    } catch (error) {
      if (response.headersSent) return cut(response);
      const headers = error instanceof ApiError ? error.headers : {};
      const refused = refusalOf(error);
      sendJson(response, refused.status, refused.envelope(), { ...headers, 'x-request-id': call.id });
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, call: ChatCall): Promise<void> {
    const key = keyOf({ authorization: call.headers.authorization });
    if (key === undefined) throw new ChatError(401, "You didn't provide an API key.");
    if (key !== options.key) {
      throw new ChatError(401, `Incorrect API key provided: ${key}.`, { code: 'invalid_api_key' });
    }
    const asked_for = `${call.method} ${call.path}`;
    if (asked_for === 'GET /v1/models') {
      const data = (options.models ?? []).map((id) => ({
        id,
        object: 'model',
        created: 0,
        owned_by: 'test',
      }));
      return sendJson(response, 200, { object: 'list', data }, { 'x-request-id': call.id });
    }
    if (asked_for === 'POST /v1/embeddings' && embed) return embedded(request, response, call, embed);
    if (asked_for !== 'POST /v1/chat/completions') throw new ChatError(404, `Invalid URL (${asked_for})`);
    const { body } = await readBody(request);
    call.body = body;
    const asked = checkChat(body);
    if (options.models && !options.models.includes(asked.model)) throw unknownModel(asked.model);

    const fault = faults.strike('messages', asked.model);
    call.fault = fault?.kind ?? null;
    const refused = fault && errorOf(fault, asked.model);
    if (refused && fault.html) return sendPage(response, refused.status);
    if (refused) throw refused;
    if (fault?.kind === 'reset' || fault?.kind === 'hang') {
      return strike(response, fault, { request_id: call.id, stream: asked.stream === true });
    }

    const pieces = await piecesOf(asked, response);
    if (fault?.kind === 'error_event' && !asked.stream) throw new ApiError('overloaded_error', 'Overloaded');
    const type = asked.stream ? streamHeaders : { 'content-type': 'application/json' };
    response.writeHead(200, { ...type, 'x-request-id': call.id });
    await deliver(response, call, pieces, fault);
  }

  async function embedded(
    request: IncomingMessage,
    response: ServerResponse,
    call: ChatCall,
    embed: Embed,
  ): Promise<void> {
    const { body } = await readBody(request);
    call.body = body;
    const { model, input } = body as { model: string; input: string | string[] };
    if (options.models && !options.models.includes(model)) throw unknownModel(model);
    const fault = faults.strike('messages', model);
    call.fault = fault?.kind ?? null;
    const refused = fault && errorOf(fault, model);
    if (refused) throw refused;
    if (fault) return strike(response, fault, { request_id: call.id, stream: false });
    const texts = Array.isArray(input) ? input : [input];
    const prompt_tokens = Math.ceil(texts.join(' ').length / 4);
    total.input_tokens += prompt_tokens;
    call.billed.input_tokens = prompt_tokens;
    const data = texts.map((text, index) => ({ object: 'embedding', index, embedding: embed(text) }));
    const usage = { prompt_tokens, total_tokens: prompt_tokens };
    sendJson(response, 200, { object: 'list', model, data, usage }, { 'x-request-id': call.id });
  }

  async function piecesOf(asked: ChatRequest, response: ServerResponse): Promise<Piece[]> {
    answered += 1;
    const reply = await script(asked, answered);
    const given = typeof reply === 'string' ? { text: reply } : reply;
    if (given.delay_ms) await pause(response, given.delay_ms);
    const done = composeChat(asked, given, newId('req').replace('req_', 'chatcmpl-'));
    const { include_usage = false } = (asked.stream_options ?? {}) as { include_usage?: boolean };
    return asked.stream ? streamedChat(done, include_usage) : wholeChat(done);
  }

  /** Sends piece by piece, charging for each as it goes, until the end, the fault, or the client's departure. */
  async function deliver(
    response: ServerResponse,
    call: ChatCall,
    pieces: Piece[],
    fault?: Fault,
  ): Promise<void> {
    const strikeAt = fault ? Math.min(fault.after_events ?? 2, pieces.length - 1) : -1;
    for (const [index, piece] of pieces.entries()) {
      const wait_ms = draw(per_chunk_ms, random);
      if (wait_ms > 0) await pause(response, wait_ms);
      if (fault && index === strikeAt && fault.kind !== 'drip') return struck(response, fault, call.id);
      for (const key of Object.keys(nothing) as (keyof Billed)[]) {
        total[key] += piece.billed[key] - call.billed[key];
        call.billed[key] = piece.billed[key];
      }
      const sent =
        fault?.kind === 'drip' ? await drip(response, piece.text, fault) : await send(response, piece.text);
      if (!sent) return;
    }
    response.end();
  }

  function cutAll(): void {
    for (const response of inFlight) cut(response);
    server.closeAllConnections();
  }

  return {
    root: `http://127.0.0.1:${port}`,
    script(how: ChatScript): void {
      script = how;
    },
    /** Until then it knows of no vectors. */
    embed(how: Embed): void {
      embed = how;
    },
    latency(how: { per_chunk_ms?: Delay }): void {
      per_chunk_ms = how.per_chunk_ms ?? 0;
    },
    /** The faults of the Messages API's test server; `after_events` counts chunks, the first being the role. */
    fault: faults.set,
    /** No fault is set any more. */
    clear: faults.clear,
    calls: (): readonly ChatCall[] => [...log],
    /** All that was charged, counted as the Messages API counts. */
    billed: (): Billed => ({ ...total }),
    /** Resolves once no call is in flight. */
    async idle(): Promise<void> {
      await Promise.all([...inFlight].map((response) => once(response, 'close')));
    },
    async close(): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      cutAll();
      await closed;
    },
  };
}

const unknownModel = (model: string) =>
  new ChatError(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
    code: 'model_not_found',
  });

/** Faults that write are written in this API's manner; the others only strike the connection. */
function struck(response: ServerResponse, fault: Fault, id: string): void | Promise<void> {
  if (fault.kind === 'error_event') {
    const { error } = refusalOf(new ApiError('overloaded_error', 'Overloaded')).envelope();
    response.end(`data: ${JSON.stringify({ error })}\n\n`);
  } else if (fault.kind === 'malformed') {
    response.end('data: {"id":"chatcmpl-1","choices":[{"delta":\n\n');
  } else return strike(response, fault, { request_id: id, stream: true });
}

const statuses: Partial<Record<ErrorType, number>> = { overloaded_error: 503 };

/** What OpenAI says where the Messages API would say `error`. */
function refusalOf(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  if (!(error instanceof ApiError)) return new ChatError(500, messageOf(error), { type: 'server_error' });
  const { type, message } = error;
  const status = statuses[type] ?? error.status;
  if (error.error_code !== undefined) {
    return new ChatError(status, message, { type: 'insufficient_quota', code: 'insufficient_quota' });
  }
  if (type === 'not_found_error') return unknownModel(message.replace('model: ', ''));
  if (type === 'authentication_error') return new ChatError(status, message, { code: 'invalid_api_key' });
  if (type === 'rate_limit_error') {
    return new ChatError(status, message, { type: 'requests', code: 'rate_limit_exceeded' });
  }
  return new ChatError(status, message, status >= 500 ? { type: 'server_error' } : {});
}
