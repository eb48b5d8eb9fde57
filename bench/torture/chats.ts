/** What the chats show when all is over, held against what was said in them and against the books. */

import type { House } from '#shared/testing/house.ts';
import { chatOf, endOf, isLong, TOKEN, tokensIn } from './token.ts';

export type Shown = Awaited<ReturnType<typeof judgeChats>>;

type Reply = { text: string; uncertain: number; preview: string | null };

export async function judgeChats(house: House, said: readonly string[]) {
  const standing = await standingIn(house);
  const replies = await house.read<Reply>(
    `SELECT o.text, o.uncertain, p.state AS preview FROM outbound o LEFT JOIN preview p ON p.turn_id = o.turn_id
     WHERE o.kind = 'reply'`,
  );
  const repliesTo = new Map<string, Reply[]>();
  for (const reply of replies) {
    for (const token of new Set(tokensIn(reply.text)))
      repliesTo.set(token, [...(repliesTo.get(token) ?? []), reply]);
  }
  // What was held is answered whenever its owner wants it.
  const held = await house.read<{ text: string }>(
    `SELECT text FROM inbound WHERE turn_id IN (SELECT turn_id FROM decision WHERE action = 'escalate')`,
  );
  const late = held.flatMap(({ text }) => tokensIn(text));
  const anytime = new Set(late.flatMap((token) => [token, endOf(token)]));

  const timesOf = new Map<string, number>();
  const latest = new Map<string, number>();
  let astray = 0;
  let disordered = 0;
  for (const { chat_id, text } of standing) {
    for (const [token, kind, chat, n] of text.matchAll(TOKEN)) {
      if (chatOf(token) !== chat_id) {
        astray += 1;
        continue;
      }
      const times = (timesOf.get(token) ?? 0) + 1;
      timesOf.set(token, times);
      if (times > 1 || anytime.has(token)) continue;
      const line = `${kind}${chat}`;
      if (Number(n) < (latest.get(line) ?? 0)) disordered += 1;
      latest.set(line, Math.max(Number(n), latest.get(line) ?? 0));
    }
  }
  const expected = said.flatMap((token) => (isLong(token) ? [token, endOf(token)] : [token]));
  const doubled = [...timesOf].filter(([, times]) => times > 1);
  // Each doubt allows one delivery more, so does a preview that was not found again; two answers to one message do not.
  const marked = doubled.filter(([token, times]) => {
    const [reply, ...more] = repliesTo.get(token) ?? [];
    if (reply === undefined || more.length > 0) return false;
    return times <= 1 + reply.uncertain + (reply.preview === 'lost' ? 1 : 0);
  });
  const bearing = (verb: string) =>
    standing.filter(({ buttons }) => buttons.some((one) => one.startsWith(verb)));
  const doubted = await house.read<{ n: number }>(
    `SELECT coalesce(sum(uncertain), 0) AS n FROM outbound WHERE key LIKE 'approval:%' AND edits_key IS NULL`,
  );
  return {
    lost: expected.filter((token) => !timesOf.has(token)).length,
    astray,
    disordered,
    held: late.length,
    marked: marked.length,
    unmarked: doubled.length - marked.length,
    stoppable: bearing('stop:').length,
    leftovers: [...bearing('stop:'), ...bearing('once:'), ...bearing('answer:')].map(
      ({ chat_id, message_id, text, buttons }) => `left in ${chat_id}: ${message_id} ${buttons[0]}: ${text}`,
    ),
    // A question that was sent twice is answered in one place.
    askable: Math.max(0, bearing('once:').length + bearing('answer:').length - (doubted[0]?.n ?? 0)),
  };
}

/** Each message of the bot as its chat shows it now, in the order in which one reads them. */
async function standingIn(house: House) {
  const messages = new Map<
    string,
    { chat_id: number; message_id: number; text: string; buttons: string[] }
  >();
  for (const { chat_id, message_id, text, message } of await house.bot.sent()) {
    const rows = message.reply_markup?.inline_keyboard.flat() ?? [];
    const buttons = rows.flatMap((button) => ('callback_data' in button ? [button.callback_data] : []));
    messages.set(`${chat_id} ${message_id}`, { chat_id, message_id, text, buttons });
  }
  return [...messages.values()].sort((a, b) => a.message_id - b.message_id);
}
