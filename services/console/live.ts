/**
 * One stream for each browser, which says no more than that something has changed: the page that is looked at is then asked
 * for again. What changed is not looked for: SQLite itself counts the commits of others. While nobody looks, nothing is done.
 */

import type { ServerResponse } from 'node:http';
import type { Console } from './page.ts';

const LOOK_ms = 2000;
const COMMENT_ms = 15_000;
/** Not more often than this, however fast an answer is being written. */
const GAP_ms = 250;
/** A browser has one, whatever number of tabs: more are leftovers. The oldest goes. */
const MOST = 16;
/** So much waits for a browser that takes nothing, asleep say: it asks again when it is back. */
const MOST_bytes = 4096;

export type Live = {
  /** @param mayStay whether its session is still in force */
  attach(response: ServerResponse, mayStay: () => Promise<boolean>): void;
};

export function live(ctx: Console): Live {
  const streams = new Map<ServerResponse, () => Promise<boolean>>();
  let watching: (() => void) | undefined;
  let told_at = 0;
  let telling: NodeJS.Timeout | undefined;

  function write(text: string): void {
    for (const stream of streams.keys()) send(stream, text);
  }

  function send(stream: ServerResponse, text: string): void {
    if (stream.writableLength > MOST_bytes) drop(stream);
    else stream.write(text);
  }

  /** It counts no more, also where its end waits for a browser that takes nothing. */
  function drop(stream: ServerResponse): void {
    streams.delete(stream);
    if (stream.writableLength > MOST_bytes) stream.destroy();
    else stream.end();
  }

  function tell(): void {
    if (telling) return;
    const wait_ms = Math.max(0, told_at + GAP_ms - ctx.clock.mono());
    telling = setTimeout(() => {
      telling = undefined;
      told_at = ctx.clock.mono();
      write('event: change\ndata:\n\n');
    }, wait_ms).unref();
  }

  function watch(): () => void {
    let version = ctx.store.version();
    const look = setInterval(() => {
      const now = ctx.store.version();
      if (now === version) return;
      version = now;
      tell();
    }, LOOK_ms).unref();
    const comment = setInterval(async () => {
      for (const [stream, mayStay] of streams) {
        // A store that does not answer sends nobody away.
        const may = await mayStay().catch(() => true);
        // It may have gone meanwhile.
        if (!streams.has(stream)) continue;
        if (may) send(stream, ':\n\n');
        else drop(stream);
      }
    }, COMMENT_ms).unref();
    const bells = [ctx.store.listen('draft', tell), ctx.store.listen('outbound', tell)];
    return () => {
      clearInterval(look);
      clearInterval(comment);
      clearTimeout(telling);
      telling = undefined;
      for (const stop of bells) stop();
    };
  }

  ctx.halt.onChange(tell);
  ctx.signal.addEventListener('abort', () => {
    for (const stream of streams.keys()) stream.end();
  });

  return {
    attach(response, mayStay) {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', connection: 'close' });
      response.write('retry: 3000\n\n');
      streams.set(response, mayStay);
      const [oldest] = streams.keys();
      if (oldest && streams.size > MOST) drop(oldest);
      watching ??= watch();
      response.once('close', () => {
        streams.delete(response);
        if (streams.size > 0) return;
        watching?.();
        watching = undefined;
      });
    },
  };
}
