/**
 * The edge: an HTTP server that answers whatever comes in the one error envelope, also what is no request, and lets go of
 * those who send theirs byte by byte. What a request means is `answer`'s.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '#shared/base/clock.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import type { Log } from '#shared/base/log.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';

/** How long the headers, and the whole of a request, may take to come, and how often that is looked at. */
const PATIENCE = { headers_ms: 20_000, request_ms: 300_000, look_ms: 5000 };

export function edge(
  { clock, log }: { clock: Clock; log: Log },
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>,
  patience = PATIENCE,
): Server {
  const answering = new WeakSet<Duplex>();
  const server = createServer(
    { noDelay: true, connectionsCheckingInterval: patience.look_ms },
    async (incoming, outgoing) => {
      answering.add(incoming.socket);
      outgoing.once('close', () => answering.delete(incoming.socket));
      try {
        await answer(incoming, outgoing);
      } catch (error) {
        // A client that is still sending would see a broken connection instead of the reason.
        if (!incoming.complete) await finished(incoming.resume()).catch(() => {});
        // Whoever left in the middle of its request hears of nothing.
        if (outgoing.headersSent || outgoing.destroyed || incoming.errored) return void outgoing.destroy();
        const known =
          error instanceof ApiError ? error : new ApiError('api_error', `router: ${messageOf(error)}`);
        if (!(error instanceof ApiError)) log.error('request.failed', { error });
        sendError(outgoing, known, uuid(clock.now()));
      }
    },
  );
  // A client may think for longer than Node's five seconds between two calls on one connection.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = patience.headers_ms;
  server.requestTimeout = patience.request_ms;
  server.on('clientError', (error, socket) => {
    // Into an answer that is under way nothing is written but that answer.
    if (!socket.writable || answering.has(socket)) return void socket.destroy();
    socket.end(unreadable(codeOf(error), uuid(clock.now())));
  });
  return server;
}

/** What is no request, or too slow to be one, has no response object: its answer is written by hand. */
function unreadable(code: string, id: string): string {
  const [status, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the headers are larger than 16 KB']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the request did not come in time']
        : ['400 Bad Request', 'this is no HTTP request'];
  const body = JSON.stringify(new ApiError('invalid_request_error', `router: ${message}`).envelope(id));
  return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nrequest-id: ${id}\r\n\r\n${body}`;
}
