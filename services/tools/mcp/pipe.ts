/** A server that is a program in the sandbox, as the SDK's client speaks to it: a line a message, in and out. */

import { messageOf } from '#shared/base/errors.ts';
import type { Spawned } from '../registry.ts';
import type * as sdk from './sdk.ts';

type Transport = Parameters<sdk.Client['connect']>[0];

/** A message beyond this ends the server: there is no other end to what it may make us keep. */
const LARGEST_MESSAGE_bytes = 8 * 2 ** 20;
const KEPT_OF_STDERR = 2000;

/** @param over told once why it is over */
export function pipe(
  program: Spawned,
  { ReadBuffer, serializeMessage }: Pick<typeof sdk, 'ReadBuffer' | 'serializeMessage'>,
  over: (why: string) => void,
): Transport {
  const buffer = new ReadBuffer({ maxBufferSize: LARGEST_MESSAGE_bytes });
  let complaint = '';

  function end(why: string): void {
    over(why);
    program.kill();
  }

  function read(): void {
    for (;;) {
      try {
        const message = buffer.readMessage();
        if (message === null) return;
        transport.onmessage?.(message);
      } catch (error) {
        // A line that is no message, such as a greeting: the next one may be.
        transport.onerror?.(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  const transport: Transport = {
    async start() {
      program.stdout.on('data', (chunk: Buffer) => {
        try {
          buffer.append(chunk);
        } catch {
          return end(`it said more than ${LARGEST_MESSAGE_bytes / 2 ** 20} MB in one message`);
        }
        read();
      });
      program.stderr.on('data', (chunk: Buffer) => {
        complaint = (complaint + chunk.toString()).slice(-KEPT_OF_STDERR);
      });
      program.stdin.on('error', (error) => end(`it does not listen: ${messageOf(error)}`));
      program.exited.then(({ code, signal }) => {
        const last = complaint.trim().split('\n').at(-1) ?? '';
        over(`it ended with ${signal ?? `exit code ${code}`}${last && `: ${last.slice(0, 300)}`}`);
        transport.onclose?.();
      });
    },
    async send(message) {
      program.stdin.write(serializeMessage(message));
    },
    async close() {
      program.kill();
      await program.exited;
    },
  };
  return transport;
}
