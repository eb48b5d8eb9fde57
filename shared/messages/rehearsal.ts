/**
 * The rehearsal model: a Messages API server that stands in for the real one while the owner has no API key, so that
 * the whole house can be tried first. It answers by rule, at once and at no cost, judges requests as strictly as the
 * real API, and says under every text that it is not a real model. It takes any key, or none: it is local.
 */

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import {
  type Answer,
  type AnswerBlock,
  modelInfo,
  newId,
  sendAnswer,
  sendError,
  sendJson,
  text,
  tokensOf,
  usageOf,
  withinTokens,
} from './answer.ts';
import { ApiError } from './error.ts';
import { labelled, reply } from './rehearsal-rules.ts';
import { checkCountTokens, checkMessages, dialectOf, endpointOf, readBody } from './request.ts';
import type { MessagesRequest } from './request-fields.ts';

export const rehearsalModel = 'vigil-rehearsal';

export type Listen = { path: string } | { host: string; port: number };

export type Rehearsal = {
  /** Where it listens, with the port that it got. */
  listen: Listen;
  close: () => Promise<void>;
};

/** `keyHint` says how to get real answers, in the imperative: it ends every answer. */
export async function startRehearsal(options: { listen: Listen; keyHint: string }): Promise<Rehearsal> {
  const server = createServer(async (request, response) => {
    const request_id = newId('req');
    try {
      await answer(request, response, request_id, options.keyHint);
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError('api_error', messageOf(error));
      if (!response.headersSent) sendError(response, known, request_id);
      else response.destroy();
    }
  });
  const listen = await open(server, options.listen);
  return { listen, close: () => closed(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  request_id: string,
  keyHint: string,
) {
  const { endpoint } = endpointOf(request.method, request.url);
  const dialect = dialectOf(request.headers);
  const headers = { 'request-id': request_id };
  if (endpoint === 'models') return sendJson(response, 200, models, headers);
  if (endpoint !== 'messages' && endpoint !== 'count_tokens') {
    throw new ApiError('not_found_error', 'Not found');
  }
  const { body, body_bytes } = await readBody(request);
  const input_tokens = Math.ceil(body_bytes / 4);
  if (endpoint === 'count_tokens') {
    checkCountTokens(body, dialect);
    return sendJson(response, 200, { input_tokens }, headers);
  }
  const asked = checkMessages(body, dialect);
  const answer = rehearse(asked, input_tokens, keyHint);
  await sendAnswer(response, answer, { stream: asked.stream === true, headers });
}

function rehearse(request: MessagesRequest, input_tokens: number, keyHint: string): Answer {
  const { max_tokens } = request;
  const said = reply(request, new Date());
  const answerOf = (content: AnswerBlock[], stop_reason: Answer['stop_reason'], tokens: number): Answer => ({
    model: rehearsalModel,
    content,
    stop_reason,
    usage: usageOf({ input_tokens, output_tokens: Math.min(max_tokens, tokens) }),
  });
  if (max_tokens === 0) return answerOf([], 'max_tokens', 0);
  if (typeof said !== 'string') return answerOf([said], 'tool_use', tokensOf(JSON.stringify(said)));
  // The label is kept even where max_tokens cuts the text before it: an unlabelled text would pass for a real answer.
  const kept = withinTokens(said, max_tokens);
  const whole = labelled(kept, keyHint);
  return answerOf([text(whole)], kept === said ? 'end_turn' : 'max_tokens', tokensOf(whole));
}

const models = {
  data: [modelInfo(rehearsalModel, 'Rehearsal: answers by rule')],
  has_more: false,
  first_id: rehearsalModel,
  last_id: rehearsalModel,
};

async function open(server: Server, listen: Listen): Promise<Listen> {
  const listening = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await listening();
  } catch (error) {
    // A process that was killed leaves its socket file behind; one that somebody answers on is not ours to take.
    if (codeOf(error) !== 'EADDRINUSE' || !('path' in listen) || (await answers(listen.path))) throw error;
    rmSync(listen.path);
    await listening();
  }
  if ('path' in listen) {
    chmodSync(listen.path, 0o600);
    return listen;
  }
  const address = server.address();
  return { host: listen.host, port: typeof address === 'object' && address ? address.port : listen.port };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** Answers are written at once, so only a reader that stopped reading can hold this up: it is cut after a second. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), 1000);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
