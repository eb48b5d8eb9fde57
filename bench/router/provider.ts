/** A provider that answers at once, and the same to everybody: what is measured is who stands before it. Prints its port. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { events, frame, message, text, usageOf } from '#shared/messages/answer.ts';

const words = Array.from({ length: 16 }, (_, i) => `word${i} and a few more of them`).join(' ');
const answer = {
  model: 'claude-haiku-5-5',
  content: [text(words.slice(0, 300))],
  stop_reason: 'end_turn' as const,
  usage: usageOf({ input_tokens: 200, output_tokens: 80 }),
};
const json = Buffer.from(JSON.stringify(message(answer)));
/** 22 writes of some 3 kB in all: a short answer as it really comes. */
const frames = [...events(answer)].map(frame);
const share = Math.ceil(frames.length / 22);
const chunks = Array.from({ length: Math.ceil(frames.length / share) }, (_, i) =>
  Buffer.from(frames.slice(i * share, (i + 1) * share).join('')),
);

const server = createServer({ noDelay: true, keepAliveTimeout: 600_000 }, (incoming, outgoing) => {
  let streams = false;
  incoming.on('data', (chunk: Buffer) => {
    streams ||= chunk.includes('"stream":true');
  });
  incoming.on('end', () => {
    if (!streams) {
      outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
      return void outgoing.end(json);
    }
    outgoing.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const chunk of chunks) outgoing.write(chunk);
    outgoing.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
