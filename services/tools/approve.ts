/**
 * What needs its owner's word: asked with the exact scope, answered once, closed when its time is over.
 *
 * Each step is one commit, so that a death at any line leaves either the step before it or the one after. Whose word it is
 * is core's to check, before it becomes a ruling; here it counts once, and only while the call waits for it.
 */

import { uuid } from '#shared/base/ids.ts';
import { quietUntil } from '#shared/base/quiet.ts';
import type { Context } from '#shared/runtime/context.ts';
import { Fenced } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as permission from '#shared/tables/permission.ts';
import * as ruling from '#shared/tables/ruling.ts';
import * as slot from '#shared/tables/slot.ts';
import * as taint from '#shared/tables/taint.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Verdict } from './registry.ts';

type House = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'shared'>;
/** What only its owner can say. */
export type Wanted = Extract<Verdict, { do: 'ask' | 'question' }>;

const ANSWERED_WITHIN_ms = 30 * 60_000;
/** What comes of a job may be asked while its owner sleeps, or is at work. */
const AFTER_QUIET_ms = 2 * 3_600_000;
const UNASKED_WITHIN_ms = 12 * 3_600_000;
/** Enough of an id to tell those apart that are open: its end, for its beginning is the time. */
export const SHORT_chars = 6;

/** The lanes of rulings, and of what nobody has ruled on in time. */
export function approvals(ctx: House & Pick<Context<unknown>, 'work'>): void {
  ctx.work({
    name: 'rulings',
    queue: 'tool',
    look: async () => (await ctx.store.read(ruling.next))[0],
    act: (given) => rule(ctx, given),
  });
  ctx.work({
    name: 'unanswered',
    queue: 'tool',
    look: async () => (await ctx.store.read(approval.over(ctx.clock.now())))[0],
    act: (asked) => lapse(ctx, asked),
    due: async () => (await ctx.store.read(approval.nextExpiry))[0]?.expires_at ?? null,
  });
}

/** Puts the call before its owner. @throws Fenced when its turn is over, or another has looked at it first */
export async function ask(ctx: House, call: tool_call.ToolCall, wanted: Wanted): Promise<void> {
  const { store, clock, log } = ctx;
  const now = clock.now();
  const id = uuid(now);
  const [mine] = await store.read(turn.of(call.turn_id));
  // Whoever wished a task or a job hears of it where they wished it: its own conversation is read by nobody.
  const wished = await wishedOf(store, call.conversation);
  const expires_at = expiryOf(now, mine?.unasked === 1 || wished !== undefined, ctx.shared.owner.quiet);
  const taints = (await store.read(taint.ofTurn(call.turn_id))).map(({ source }) => source);
  const question = wanted.do === 'question';
  const choices = question ? [...wanted.choices] : ['once', ...(wanted.rule ? ['always'] : []), 'deny'];
  const rule = question ? null : wanted.rule;
  const asked: approval.Wish = {
    id,
    call_id: call.id,
    turn_id: call.turn_id,
    conversation: wished?.conversation ?? call.conversation,
    kind: question ? 'question' : 'approval',
    tool: call.tool,
    scope: question ? wanted.question : wanted.scope,
    rule_json: rule && JSON.stringify(rule),
    grants_json: question ? null : JSON.stringify(wanted.grants),
    choices_json: JSON.stringify(choices),
    taint: taints.length > 0 ? taints.join('\n') : null,
    asked_at: now,
    expires_at,
  };
  const lines = [
    asked.scope,
    ...(rule ? [`Always would allow: ${await inWords(call.tool, rule)}`] : []),
    ...(taints.length > 0 && !question ? [`Before it came to this it has read: ${listed(taints)}`] : []),
    ...(call.channel === 'terminal' ? [howTo(asked, choices)] : []),
    `No answer by ${clockTime(expires_at)} means no.`,
  ];
  await store.commit([
    tool_call.asking(call, id),
    approval.ask(asked),
    outbound.post({
      key: keyOf(id),
      channel: call.channel,
      conversation: asked.conversation,
      chat: call.chat,
      kind: 'notice',
      turn_id: call.turn_id,
      text: lines.join('\n\n').toWellFormed(),
      message_ref: null,
      buttons: call.channel === 'terminal' ? [] : buttonsOf(asked, choices),
      now,
    }),
  ]);
  log.info('approval.asked', { approval: id, call: call.id, tool: call.tool, kind: asked.kind });
}

async function wishedOf(
  store: House['store'],
  conversation: string,
): Promise<{ conversation: string } | undefined> {
  const [of, job] = [task.idOf(conversation), slot.idOf(conversation)];
  if (job !== null) return (await store.read(slot.jobOf(job)))[0];
  return of === null ? undefined : (await store.read(task.of(of)))[0];
}

/** Carries out what its owner has ruled, and says so, in one commit. */
export async function rule(ctx: House, given: ruling.Ruling): Promise<void> {
  const { store, clock, log } = ctx;
  const now = clock.now();
  const [kind = '', id = ''] = given.about.split(' ');
  const { outcome, ops } =
    kind === 'permission' ? revoked(given, Number(id), now) : await ruled(ctx, given, id, now);
  try {
    await store.commit([...ops, ruling.handled(given.id, outcome, now)]);
    log.info('ruling.handled', { ruling: given.id, about: given.about, outcome, by: given.given_by });
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    // Something else came first: of a permission, its revocation; of an approval, its end, which the next look sees.
    if (error.verb === 'permission.revoke') {
      await store.commit([ruling.handled(given.id, 'there is no such permission in force', now)]);
    }
  }
}

type Effect = { outcome: string; ops: Op[] };

function revoked(given: ruling.Ruling, id: number, now: number): Effect {
  if (given.choice !== 'revoke' || !Number.isSafeInteger(id)) return { outcome: 'unknown', ops: [] };
  return { outcome: 'revoked', ops: [permission.revoke(id, now)] };
}

async function ruled({ store }: House, given: ruling.Ruling, id: string, now: number): Promise<Effect> {
  const open = id.length >= SHORT_chars ? await store.read(approval.called(id)) : [];
  const [asked] = open;
  if (open.length > 1) return { outcome: 'ambiguous: more than one id ends so', ops: [] };
  if (!asked || asked.expires_at <= now) return { outcome: 'too late', ops: [] };
  const [call] = await store.read(tool_call.of(asked.call_id));
  const [mine] = await store.read(turn.unfinished(asked.turn_id));
  if (call?.state !== 'asking' || call.approval_id !== asked.id || !mine)
    return { outcome: 'too late', ops: [] };

  const choices: string[] = JSON.parse(asked.choices_json);
  const by = given.given_by;
  const closed = (state: 'granted' | 'answered' | 'denied', choice: string) =>
    approval.close(asked.id, { state, choice, by, now });
  const at = `by ${by} at ${clockTime(now)}`;
  if (asked.kind === 'question') {
    const chosen = /^\d+$/.test(given.choice) ? choices[Number(given.choice)] : undefined;
    if (chosen === undefined) return { outcome: 'not one of its choices', ops: [] };
    return {
      outcome: 'answered',
      ops: [
        closed('answered', chosen),
        finished(call, 'done', `The owner chose: ${chosen}`, now),
        told(asked, call, `${asked.scope}\n\n→ ${chosen}`, now),
      ],
    };
  }
  if (!choices.includes(given.choice)) return { outcome: 'not one of its choices', ops: [] };
  if (given.choice === 'deny') {
    return {
      outcome: 'denied',
      ops: [
        closed('denied', 'deny'),
        finished(call, 'denied', DENIED, now),
        told(asked, call, `${asked.scope}\n\n✗ Denied ${at}`, now),
      ],
    };
  }
  const always = given.choice === 'always' && asked.rule_json !== null;
  const scope = asked.rule_json === null ? '' : await inWords(asked.tool, JSON.parse(asked.rule_json));
  const lasting =
    always && asked.rule_json !== null
      ? [
          permission.give({
            tool: asked.tool,
            rule_json: asked.rule_json,
            scope,
            given_by: by,
            given_at: now,
          }),
        ]
      : [];
  return {
    outcome: 'granted',
    ops: [
      closed('granted', given.choice),
      ...lasting,
      tool_call.granted(call.id, asked.id),
      told(
        asked,
        call,
        `${asked.scope}\n\n✓ ${always ? `Always allowed (${scope})` : 'Allowed once'} ${at}`,
        now,
      ),
    ],
  };
}

const DENIED =
  'The owner denied this. Do not try to reach the same in another way; say what you could not do, or ask what they would like instead.';

/** Nobody has answered, or nobody needs to any more. Unanswered is denied. */
async function lapse(ctx: House, asked: approval.Approval & { waits: number }): Promise<void> {
  const { store, clock, log } = ctx;
  const now = clock.now();
  const [call] = await store.read(tool_call.of(asked.call_id));
  const state = asked.waits === 1 ? 'expired' : 'moot';
  const ops: Op[] = [approval.close(asked.id, { state, choice: null, by: null, now })];
  if (call && state === 'expired') {
    const text =
      'The owner did not answer in time, which means no. Go on without it, or say what is missing.';
    ops.push(finished(call, 'denied', text, now));
  }
  const word =
    state === 'expired'
      ? '✗ Not answered in time: denied'
      : '✗ No longer needed: what asked for it has ended';
  if (call) ops.push(told(asked, call, `${asked.scope}\n\n${word}`, now));
  try {
    await store.commit(ops);
    log.info('approval.lapsed', { approval: asked.id, state });
  } catch (error) {
    // Its owner was quicker.
    if (!(error instanceof Fenced)) throw error;
  }
}

function finished(call: tool_call.ToolCall, state: 'done' | 'denied', text: string, now: number): Op {
  const result_json = JSON.stringify([{ type: 'text', text }]);
  return tool_call.finish(call, { state, result_json, source: null, now });
}

/** The notice becomes its outcome, and loses its buttons. */
function told(asked: approval.Approval, call: tool_call.ToolCall, text: string, now: number): Op {
  return outbound.post({
    key: `${keyOf(asked.id)}:over`,
    edits_key: keyOf(asked.id),
    channel: call.channel,
    conversation: asked.conversation,
    chat: call.chat,
    kind: 'notice',
    turn_id: call.turn_id,
    text: text.toWellFormed(),
    message_ref: null,
    now,
  });
}

const keyOf = (id: string) => `approval:${id}`;

function buttonsOf({ id, kind }: approval.Wish, choices: readonly string[]): outbound.Buttons {
  if (kind === 'question') return choices.map((text, i) => [{ text, data: `answer:${id}:${i}` }]);
  const labels: Record<string, string> = { once: 'Approve once', always: 'Always for this', deny: 'Deny' };
  return choices.map((choice) => [{ text: labels[choice] ?? choice, data: `${choice}:${id}` }]);
}

function howTo({ id, kind }: approval.Wish, choices: readonly string[]): string {
  const short = id.slice(-SHORT_chars);
  const numbered = kind === 'question' ? choices.map((choice, i) => `${i}  ${choice}`).join('\n') : '';
  const words = kind === 'question' ? choices.map((_, i) => i).join('|') : choices.join('|');
  return `${numbered}\nAnswer: /approve ${short} ${words}   (or: scripts/vigil approve ${short} ${words})`.trim();
}

async function inWords(tool: string, rule: object): Promise<string> {
  const { alwaysInWords } = await import('./policy.ts');
  return alwaysInWords(tool, { ...rule });
}

/** What lies in the house may be a stranger's too; what has just come from outside is the likelier to be meant. */
const INSIDE = /^(earlier: )?(file|folder|what a command|skill|memory)/;

/** The sources, as many as fit on a screen: no number of files hides the page that had them read. */
function listed(sources: readonly string[]): string {
  const shown = sources
    .toSorted((a, b) => Number(INSIDE.test(a)) - Number(INSIDE.test(b)))
    .slice(0, 8)
    .map((source) => source.replace(/\s+/g, ' ').slice(0, 120));
  return (
    shown.join(', ') + (sources.length > shown.length ? ` and ${sources.length - shown.length} more` : '')
  );
}

/**
 * @param unasked nobody is waiting for it: what comes while it is quiet is first heard when that ends
 * @param quiet `[owner] quiet`
 */
export function expiryOf(now: number, unasked: boolean, quiet: string): number {
  if (!unasked) return now + ANSWERED_WITHIN_ms;
  const morning = quietUntil(quiet, now);
  return morning === null ? now + UNASKED_WITHIN_ms : morning + AFTER_QUIET_ms;
}

function clockTime(at: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
