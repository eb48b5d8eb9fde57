/**
 * Flood control: so many messages per sliding window and no more, and whoever keeps sending while refused waits ever
 * longer. Telegram does not disclose its real numbers (Bots FAQ: about 1 message a second to a chat, 20 a minute to a
 * group, 30 a second in all); a client can go by retry_after alone. Off until a test sets limits.
 */

import { tooManyRequests } from './refusal.ts';

export type Rate = { messages: number; per_ms: number };

/** Of messages and edits. `chat`: to each private chat. `group`: to each group. `total`: to all of them together. */
export type Limits = { chat?: Rate; group?: Rate; total?: Rate };

type Gate = { sent_ms: number[]; closed_until_ms: number; wait_s: number };

const longest_wait_s = 3_600;

export function createFlood(nowMs: () => number) {
  let limits: Limits = {};
  const gates = new Map<string, Gate>();

  /** Refuses the message with 429, or counts it. */
  function admit(chat_id: number): void {
    check(`chat ${chat_id}`, chat_id < 0 ? limits.group : limits.chat);
    check('total', limits.total);
  }

  function check(name: string, rate: Rate | undefined): void {
    if (!rate) return;
    const now_ms = nowMs();
    const gate = gates.get(name) ?? { sent_ms: [], closed_until_ms: 0, wait_s: 0 };
    gates.set(name, gate);
    gate.sent_ms = gate.sent_ms.filter((at_ms) => at_ms > now_ms - rate.per_ms);
    const is_closed = now_ms < gate.closed_until_ms;
    if (!is_closed && gate.sent_ms.length < rate.messages) {
      gate.wait_s = 0;
      gate.sent_ms.push(now_ms);
      return;
    }
    const free_ms = (gate.sent_ms[0] ?? now_ms) + rate.per_ms - now_ms;
    gate.wait_s = is_closed
      ? Math.min(gate.wait_s * 2, longest_wait_s)
      : Math.max(1, Math.ceil(free_ms / 1_000));
    gate.closed_until_ms = now_ms + gate.wait_s * 1_000;
    throw tooManyRequests(gate.wait_s);
  }

  const setLimits = (next: Limits) => {
    limits = next;
    gates.clear();
  };

  return { admit, setLimits };
}

export type Flood = ReturnType<typeof createFlood>;
