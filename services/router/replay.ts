/**
 * Answers that outlive those who asked. What is asked in one step is asked, and paid for, once: when its client goes
 * away, the answer is made to its end as long as its turn, if it has one, goes on, and is kept. Whoever asks for the same
 * step again gets it, or hears along while it is made.
 */

import { EventEmitter } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { sleep } from '#shared/base/clock.ts';
import * as replay from '#shared/tables/replay.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Router } from './request.ts';
import { LONGEST_ANSWER_bytes, type Outlet } from './upstream.ts';

/** The step that a call belongs to, of a turn or (`''`) of none. */
export type Step = { id: string; turn_id: string };

/** What stands for the clients of one step, who come and go. It reads as fast as the provider writes. */
export type Making = Outlet & {
  /** Sends what there is by now, and all that comes. */
  follow(outgoing: ServerResponse, again: boolean): void;
  /** Of an answer that has come to its end. */
  kept(): replay.Kept;
  /** Nothing more comes: without an answer, the next to ask asks anew. */
  over(): Promise<void>;
  /** Resolves then. */
  gone: Promise<void>;
};

/** How often the turn is looked at while nobody hears, and the store for an answer that another router makes. */
const LOOK_ms = 250;

const AGAIN = { 'x-vigil-replay': '1' };

/** What the caller is to answer; null: the client has its answer, hears along with another, or has left. */
export async function join(router: Router, step: Step, outgoing: ServerResponse): Promise<Making | null> {
  const { store, state, clock, worker, instance: owner } = router;
  while (!outgoing.destroyed) {
    const made = state.makings.get(step.id);
    if (made && (made.destroyed || made.writableFinished)) {
      // Whether there is an answer is known once it is written down.
      await made.gone;
      continue;
    }
    if (made) {
      made.follow(outgoing, true);
      return null;
    }
    const mark = { step: step.id, turn_id: step.turn_id, worker, owner, now: clock.now() };
    const [[mine]] = await store.commit([replay.begin(mark)]);
    if (mine) {
      const begun = begin(router, step);
      state.makings.set(step.id, begun);
      begun.follow(outgoing, false);
      return begun;
    }
    const [kept] = await store.read(replay.of(step.id));
    if (kept) {
      outgoing.writeHead(kept.status, { ...JSON.parse(kept.headers_json), ...AGAIN });
      outgoing.end(kept.body);
      return null;
    }
    // Another router makes it. Should that one die, its mark goes soon after it.
    await sleep(LOOK_ms);
  }
  return null;
}

function begin(router: Router, step: Step): Making {
  const events = new EventEmitter();
  /** Who hears it, and whether for the first time. */
  const followers = new Map<ServerResponse, { again: boolean }>();
  const chunks: Buffer[] = [];
  const over = Promise.withResolvers<void>();
  let bytes = 0;
  let head: { status: number; headers: OutgoingHttpHeaders } | null = null;
  let [ended, destroyed] = [false, false];

  const making: Making = {
    writableNeedDrain: false,
    get headersSent() {
      return head !== null;
    },
    get destroyed() {
      return destroyed;
    },
    get writableFinished() {
      return ended;
    },
    once: (event, listener) => events.once(event, listener),
    off: (event, listener) => events.off(event, listener),
    writeHead(status, headers) {
      head = { status, headers };
      for (const [follower, { again }] of followers)
        follower.writeHead(status, again ? { ...headers, ...AGAIN } : headers);
    },
    write(chunk) {
      bytes += chunk.length;
      if (bytes > LONGEST_ANSWER_bytes) {
        throw new Error(`its answer is longer than ${LONGEST_ANSWER_bytes / 2 ** 20} MB`);
      }
      // A copy: the piece itself would hold the whole buffer that the connection was read into.
      const own = Buffer.from(chunk);
      chunks.push(own);
      for (const follower of followers.keys()) follower.write(own);
      return true;
    },
    end(last) {
      if (last && last.length > 0) chunks.push(Buffer.from(last));
      ended = true;
      for (const follower of followers.keys()) follower.end(last);
    },
    destroy() {
      destroyed = true;
      for (const follower of followers.keys()) follower.destroy();
      events.emit('close');
    },
    follow(outgoing, again) {
      followers.set(outgoing, { again });
      outgoing.once('close', () => {
        followers.delete(outgoing);
        alone().catch((error) => router.log.error('answer.unwatched', { error }));
      });
      if (head) outgoing.writeHead(head.status, { ...head.headers, ...AGAIN });
      for (const chunk of chunks) outgoing.write(chunk);
    },
    kept: () => ({
      status: head?.status ?? 0,
      headers_json: JSON.stringify(head?.headers ?? {}),
      body: Buffer.concat(chunks),
    }),
    async over() {
      // With the answer that was kept, if any, the mark has become more than one: this takes away a mere mark.
      await router.persist([replay.drop(step.id, router.instance)], 'soon').finally(() => {
        router.state.makings.delete(step.id);
        over.resolve();
      });
    },
    gone: over.promise,
  };

  /** Nobody hears any more: it goes on as long as the turn does; what is of no turn, to its end. */
  async function alone(): Promise<void> {
    const idle = () => followers.size === 0 && !ended && !destroyed;
    if (idle()) router.log.info('client.left', { step: step.id });
    while (idle()) {
      const goesOn =
        router.halted() === null &&
        (step.turn_id === '' || (await router.store.read(turn.unfinished(step.turn_id))).length > 0);
      if (!goesOn && idle()) making.destroy();
      else await sleep(LOOK_ms);
    }
  }

  return making;
}
