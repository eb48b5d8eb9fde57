/**
 * No query of the daily work scans history. Each verb's plan is asked for over the migrated schema; a SCAN of a table
 * that grows is a fault, unless it goes along an index that holds unfinished work alone.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { migrate } from '../store/migrate.ts';
import * as acknowledgement from './acknowledgement.ts';
import * as alert from './alert.ts';
import * as alert_wish from './alert_wish.ts';
import * as answer_check from './answer_check.ts';
import * as approval from './approval.ts';
import * as attachment from './attachment.ts';
import * as backup from './backup.ts';
import * as backup_request from './backup_request.ts';
import * as batch from './batch.ts';
import * as call from './call.ts';
import * as console_action from './console_action.ts';
import * as console_link from './console_link.ts';
import * as console_session from './console_session.ts';
import * as conversation from './conversation.ts';
import * as decision from './decision.ts';
import * as draft from './draft.ts';
import * as embedding from './embedding.ts';
import * as embedding_trial from './embedding_trial.ts';
import * as erase from './erase.ts';
import * as error from './error.ts';
import * as exchange from './exchange.ts';
import * as externalCall from './external_call.ts';
import * as fold from './fold.ts';
import * as fold_open from './fold_open.ts';
import * as inbound from './inbound.ts';
import * as incident from './incident.ts';
import * as memory from './memory.ts';
import * as memory_change from './memory_change.ts';
import * as memory_cursor from './memory_cursor.ts';
import * as memory_run from './memory_run.ts';
import * as memory_source from './memory_source.ts';
import * as message from './message.ts';
import * as metric from './metric.ts';
import * as metric_hour from './metric_hour.ts';
import type { Op, Query } from './op.ts';
import * as outbound from './outbound.ts';
import * as pairing from './pairing.ts';
import * as pairing_attempt from './pairing_attempt.ts';
import * as passage from './passage.ts';
import * as passage_cursor from './passage_cursor.ts';
import * as permission from './permission.ts';
import * as presence from './presence.ts';
import * as press from './press.ts';
import * as preview from './preview.ts';
import * as profile from './profile.ts';
import * as quality from './quality.ts';
import * as recalled from './recalled.ts';
import * as replay from './replay.ts';
import * as ruling from './ruling.ts';
import * as schedule from './schedule.ts';
import * as silence from './silence.ts';
import * as slot from './slot.ts';
import * as spend from './spend.ts';
import * as step from './step.ts';
import * as summary from './summary.ts';
import * as taint from './taint.ts';
import * as task from './task.ts';
import * as telling from './telling.ts';
import * as throttle from './throttle.ts';
import * as tombstone from './tombstone.ts';
import * as tool_call from './tool_call.ts';
import * as total from './total.ts';
import * as turn from './turn.ts';
import * as wish from './wish.ts';

/** Indexes of unfinished work: as short as the queue is. */
const SHORT = [
  // Corrections alone, and only when a person looks for words.
  'inbound_edits',
  'inbound_pending',
  'wish_pending',
  'turn_active',
  'turn_due',
  'outbound_queue',
  'answer_check_open',
  'call_open',
  'press_pending',
  'incident_open',
  'draft_open',
  'preview_shown',
  'batch_due',
  'replay_making',
  'task_running',
  'task_unfinished',
  'slot_open',
  'draft_open',
  'tool_call_open',
  'approval_open',
  'ruling_pending',
  'attachment_pending',
  'backup_made',
  'backup_request_open',
  'slot_open',
  'telling_open',
  'memory_run_open',
  'memory_run_batch',
  'wish_pending',
  'memory_unasked',
  'alert_open',
  'alert_wish_pending',
];

const lease = { owner: 'o', boot_id: 'b', now: 1, until_at: 2 };
const aTurn = { id: 't', attempt: 1 } as turn.Turn;
const aCall = { id: 'c', attempt: 1 } as tool_call.ToolCall;
const anOutbound = { id: 1, attempt: 1 } as outbound.Outbound;
const aFile = { id: 1, attempt: 1, file_id: 'f', note: null } as attachment.Attachment;
const wait = { now: 1, due_at: 2, because: 'away', told: false, error: '' } as const;

const aTask = {
  id: 1,
  state: 'running',
  phase: 'work',
  iteration: 1,
  failures: 0,
  turn_id: null,
} as task.Task;
const [anError, itsCount] = error.record(
  {
    service: 's',
    event: 'e',
    type: 't',
    message: 'm',
    trace: null,
    recovery: 'r',
    severity: 'error',
    turn_id: null,
    at: 1,
  },
  1,
);

const verbs: (Op | Query<unknown>)[] = [
  alert.resolved(1),
  alert_wish.latest(1),
  answer_check.next,
  answer_check.ask('t', 's', 1),
  answer_check.end({ turn_id: 't', step: 's' }, { state: 'failed', problem: '', now: 1 }),
  answer_check.putOff(1, ''),
  answer_check.unsupported(1, 9),
  answer_check.underWay(1),
  quality.between(1, 2),
  ...quality.put(1, 2, []),
  quality.newest,
  quality.answers(1, 2),
  quality.held(1, 2),
  quality.decisions(1, 2),
  quality.works(1, 2),
  quality.judgedLate(1),
  quality.answered({ at: 1, id: 't' }, 9),
  total.hours(1, 2),
  attachment.waiting(1),
  attachment.claim(1, 2),
  attachment.adopt(1),
  attachment.nextDue,
  attachment.ofTurn('t'),
  attachment.placesOf('c', 9),
  attachment.receive({ source: 's', source_key: 'k' }, aFile, 1),
  attachment.fetched(aFile, { now: 1, path: 'p', bytes: 1, text: null }),
  call.paces(1, 1),
  console_action.begin({ session: '', by: '', page: '', action: '', fields: '', at: 1 }),
  console_action.end(1, '', null),
  console_link.use('h', 1),
  console_session.of('p', 1),
  console_session.seen('p', 1),
  console_session.end('p', 1),
  backup.present,
  backup.latest,
  backup.removed(['b'], 1),
  backup_request.next,
  pairing.valid('h', 1),
  pairing_attempt.wrongSince('s', 1),
  message.after(1, 200),
  message.around('c', 1, 2, 4),
  message.newest,
  passage.keepOnly(1, 2, [1]),
  passage.newest,
  passage.counts(['"a"']),
  passage.hits([['"a"', 1, 0]], []),
  passage.candidates({ ids: [1], scope: 's', except_turns: [], limit: 1 }),
  memory.bearing('s', '"a"', 1),
  memory.replacing('s', [1]),
  passage_cursor.where,
  passage_cursor.move({ made_by: '1', upto_id: 1 }, [1]),
  outbound.move('1', '2'),
  inbound.take('t', 1),
  inbound.close('t', 'answered'),
  inbound.waiting(1),
  inbound.joining('c', 1),
  inbound.nextReady(1),
  inbound.status(1),
  inbound.backlog,
  turn.open('t', lease),
  turn.resume(lease),
  turn.due(1),
  turn.unanswered,
  turn.nextDue,
  turn.adopt('o', 1),
  turn.renew(aTurn, 1),
  turn.wait(aTurn, wait),
  turn.hasten(1, 1),
  turn.refused(aTurn, { now: 1, due_at: 2, spend_id: 's', error: '' }),
  turn.wake(aTurn, 1),
  turn.of('t'),
  turn.active('c'),
  turn.rest(aTurn, { now: 1, due_at: 2 }),
  turn.hold(aTurn, { now: 1, error: '' }),
  turn.release(aTurn, 1),
  turn.stop('t', { now: 1, error: '' }),
  turn.finish(aTurn, { now: 1, state: 'done', error: null }),
  message.heard('t', 1, [1]),
  wish.forgetting,
  tombstone.among(['h']),
  erase.turns(['t']),
  erase.messages(['t']),
  erase.otherWords(['t']),
  erase.memories([1], [1]),
  erase.sources([1]),
  erase.told([1], [1]),
  erase.compacted([]),
  erase.calls(['t'], ['c'], 1),
  erase.inFlight(['c'], 1),
  erase.files(['t']),
  erase.around('c', 1, 2),
  erase.said(1, 9),
  erase.remembered(1, 9),
  erase.bodies(1, 1, 9),
  erase.openTurns,
  erase.pending,
  message.ofTurn('t'),
  message.said({ conversation: 'c', text: '', at: 1, turn_id: 't' }),
  message.before('t', 'c', 0),
  profile.of('s'),
  recalled.ofTurn('t'),
  memory.of(1),
  memory.standing('s'),
  memory.holding({ scope: 's', upto_at: 1, most: 9 }, { phrase: '"w"' }),
  memory.holding({ scope: 's', upto_at: 1, most: 9 }, { within: 'w' }),
  memory_source.ofMemory(1),
  passage.holding({ scope: 's', upto_at: 1, most: 9 }, { phrase: '"w"' }),
  passage.holding({ scope: 's', upto_at: 1, most: 9 }, { pairs: '"w"' }),
  press.byId(1),
  step.of('t'),
  step.recent('c', { after: '', since_at: 0, most: 9 }),
  summary.newest('c'),
  conversation.of('c'),
  taint.ofTurn('t'),
  tool_call.asking(aCall, 'a'),
  tool_call.granted('c', 'a'),
  tool_call.of('c'),
  tool_call.searches('c', 1),
  message.naming('c', 'x'),
  message.answers('c'),
  approval.of('a'),
  approval.called('a'),
  approval.over(1),
  approval.nextExpiry,
  approval.close('a', { state: 'denied', choice: null, by: null, now: 1 }),
  permission.revoke(1, 1),
  ruling.of(1),
  ruling.handled(1, '', 1),
  taint.ofTurns(['t']),
  decision.ofTurn('t'),
  draft.open,
  tool_call.next,
  tool_call.orphaned,
  tool_call.ofTurn('t'),
  approval.open,
  ruling.next,
  call.usedBy('t'),
  outbound.claim('o', 1),
  outbound.sendable(1),
  outbound.nextDue(),
  outbound.claim('o', 1, true),
  outbound.sendable(1, true),
  outbound.nextDue(true),
  outbound.waiting,
  outbound.adopt('o', 1),
  outbound.retry(anOutbound, { now: 1, due_at: 1, counted: true, error: '' }),
  outbound.sent(anOutbound, { now: 1, refs_json: '[]', last: true }),
  outbound.after('c', 1),
  outbound.newest('c'),
  outbound.backlog,
  batch.accept('c', { batch_id: 'b', info_json: '{}', due_at: 1 }),
  batch.defer({ call_id: 'c', due_at: 1 }, 2),
  batch.close('c', { batch_id: 'b', info_json: '{}' }),
  batch.due(1),
  batch.unknown,
  batch.of('b'),
  batch.ofStep('s'),
  memory.known('s', [1], 9),
  memory.named([1]),
  memory.summaries('s', 1, 2),
  memory.summarised(1),
  memory_cursor.behind,
  memory_cursor.moveModel('c', 1),
  memory_run.open,
  memory_run.ofInput('h'),
  memory_run.collected,
  memory_run.ofBatch('b'),
  memory_run.taken('s', 'b', 1),
  memory_run.plannedSince(1, 1),
  memory_run.yields(1, 9),
  memory_run.said('c', 1, 2, 9),
  batch.known(['b']),
  batch.page('k', { below: 9 }, 20),
  batch.page(null, { above: 1 }, 20),
  call.abandon(0, 'o', 1),
  call.workers,
  spend.hold({ id: 'day x', budget: 'day', starts_at: 1, ends_at: 2, limit_nanousd: 1, limit_calls: 1 }, 1),
  spend.unalerted(1),
  spend.settle('["day x"]', 1, 1),
  spend.abandon(0, 'o'),
  spend.alerted('day 2026-11-22', 1),
  spend.of([]),
  spend.added([]),
  total.abandon(0, 'o', 1),
  total.by('model', 1, 2),
  throttle.correct([{ bucket: 'all', tokens_ms: 1 }]),
  throttle.of([]),
  exchange.of('c'),
  replay.begin({ step: 't:1', turn_id: 't', worker: 0, owner: 'o', now: 1 }),
  replay.keep('t:1', 'o', { status: 200, headers_json: '{}', body: Buffer.alloc(0) }, 1),
  replay.drop('t:1', 'o'),
  replay.abandon(0, 'o'),
  replay.workers,
  replay.of('t:1'),
  replay.prune(1, 1),
  preview.stale(1),
  preview.of('t'),
  preview.queued('7'),
  preview.unseen(1),
  outbound.refsOf('k'),
  outbound.newestRefs('c'),
  inbound.among('c', ['1']),
  outbound.superseded(anOutbound, 1),
  press.next,
  press.handled(1, '', 1),
  press.of('telegram', '1'),
  inbound.withdraw('c'),
  inbound.of(1),
  inbound.keyed('task', '1:1'),
  inbound.ofTurn('t'),
  turn.stopAll('c', { now: 1, error: '' }),
  turn.stood('t', 1),
  turn.found('0190'),
  message.answer('t'),
  outbound.ofTurn('t'),
  decision.found('0190'),
  decision.latest(1, 'tool', 20),
  decision.page({}, 51, 2000),
  decision.page({ action: 'answer', before: { at: 1, id: 'd' } }, 51, 2000),
  decision.page({ action: 'tool', from_at: 1 }, 51, 2000),
  decision.page({ model: 'm' }, 51, 2000),
  decision.page({ conversation: 'c', action: 'tool', model: 'm', state: 'done' }, 51, 2000),
  decision.page({ id: '0190aaaa' }, 51, 2000),
  decision.page({ state: 'dead' }, 51, 2000),
  decision.page({ state: 'waiting' }, 51, 2000),
  decision.reach({ conversation: 'c', model: 'm' }, 2000),
  decision.distinct('action'),
  decision.distinct('model'),
  approval.closed('~', 50),
  message.heardIn('c', 9, 50),
  outbound.saidIn('c', 9, 50),
  inbound.pendingIn('c'),
  turn.held,
  call.ofTurn('t'),
  total.ofConversation('c', 1),
  externalCall.ofTurn('t'),
  error.ofTurn('t'),
  anError,
  itsCount,
  task.next(1),
  task.running,
  task.of(1),
  task.ofConversation('c', 5),
  task.change(aTask, { state: 'paused' }, 1),
  incident.ongoing,
  incident.over(1),
  incident.close('c', 's', 1),
  inbound.overdue(1),
  inbound.lastCanary,
  inbound.forgetCanaries(1),
  turn.overdue(1, 1),
  turn.forgetCanaries(1),
  outbound.overdue(1, true),
  outbound.standing(['k']),
  outbound.toldOtherwise({ ...anOutbound, key: 'telling:m:1' }, 1),
  slot.overdue(1, 1),
  telling.due(1, 1),
  telling.last,
  telling.asOf(1),
  telling.ongoing,
  telling.inMessage('m'),
  telling.begin('c', 'm', 1),
  telling.adopt('c', 'm', 1, {}),
  silence.since(1),
  silence.inForce(1),
  silence.end(1, 1),
  acknowledgement.ofIncidents([1]),
  alert_wish.pending,
  alert.open,
  alert.become({ id: 1 } as alert.Alert),
  alert.drop(1),
  alert_wish.named(1),
  alert_wish.handled(1, 'o', 1),
  call.endedAfter(1),
  incident.endedBetween(1, 2),
  slot.lastOf(['n']),
  telling.inVain,
  total.first,
  incident.of(1),
  telling.open,
  telling.recent,
  telling.tell('m', { told_at: 1, routes: {}, due_at: 1, error: null }),
  telling.ofIncidents([1]),
  tool_call.start(aCall, 'o', 1),
  tool_call.finish(aCall, { state: 'done', result_json: '[]', source: null, now: 1 }),
  ...tool_call.adopt('o', { result_json: '[]', now: 1 }),
  tool_call.putBack(aCall),
  schedule.named('n'),
  slot.openFor('backup'),
  slot.openOf('n'),
  slot.next,
  slot.ended,
  slot.atWork,
  slot.jobOf(1),
  slot.ofJob('n', 9),
  slot.spentBy('n', 1),
  slot.start(1, 1),
  slot.end(1, { state: 'done', reason: null, now: 1 }),
  wish.next(['remember']),
  wish.settle(1, { state: 'done', outcome: '', now: 1 }),
  memory.touched('s', { hashes: ['h'], slots: ['x'], ids: [1], starts: [1] }),
  memory.rivals({ id: 1, scope: 's', slot: 'x', hash: 'h' }),
  memory.countActive('s'),
  memory.standing('s'),
  memory.unasked,
  memory.asked([1], 1),
  memory.over(1, 1, 1),
  memory.replacedBy('u', 'v'),
  memory_source.restingOn([1]),
  memory_source.put('u', { message_id: 1, quote_from: null, quote_to: null }),
  memory_source.drop('u', [1]),
  memory.inForce('s', [1]),
  passage.named('s', [1], ['t']),
  embedding.stretch('passage', 'm', 9, 9),
  embedding.stretch('memory', 'm', 9, 9),
  embedding.keep({ ref: 1, text: 'w' }, 'm', { bytes: new Uint8Array(1), norm: 1 }),
  embedding.keep({ ref: -1, text: 'w' }, 'm', { bytes: new Uint8Array(1), norm: 1 }),
  embedding.near({
    scope: 's',
    model: 'm',
    vector: { bytes: new Uint8Array(1), norm: 1 },
    refs: [1],
    most: 9,
  }),
  embedding_trial.latest,
  memory_source.of([1]),
  memory_change.undoable(1),
  memory_cursor.unruled(1, 9),
  memory_cursor.ruled('c', 0, 1),
  memory_cursor.low,
  memory_cursor.reached(1),
  memory_run.counted('h', { changes: 1, rejected: 0, problem: null }),
  memory_run.of(1),
  message.cited([1]),
  message.unsearched('tea', 9),
  message.span('c', { after_id: 1, upto_id: 2, before: 9, most: 9 }),
  profile.of('s'),
  turn.held,
  turn.unended(9),
  turn.stuck('dead', null, 9),
  turn.pace(1),
  inbound.pending(9),
  outbound.unsent(9),
  tool_call.open(9),
  task.open(9),
  task.unfinished,
  memory.browsed({ scope: 's', statuses: ['active'], kind: null, before_id: 9, most: 9 }),
  memory.waiting('s', 9),
  memory.chain(1),
  memory_change.ofMemory(1),
  memory_change.ofRun(1),
  memory_change.counts([1]),
  memory_run.latest(9),
  recalled.ofMemory(1, 9),
  wish.latest(9),
  wish.of(1),
  attachment.backlog,
  press.backlog,
  tool_call.backlog,
  slot.backlog,
  turn.inWork,
  spend.present(1),
  call.costBetween(1, 2),
  call.lastAnswer(1),
  metric.labelsOf('f', 'l'),
  metric.family('f'),
  metric_hour.between(['f'], 1, 2),
  presence.since(1),
  presence.touch('s', 1),
  ...looksAt(fold.calls),
  ...looksAt(fold.messages),
  ...looksAt(fold.turns),
  ...looksAt(fold.toolCalls),
  ...looksAt(fold.slots),
  ...looksAt(fold.memoryRuns),
  ...looksAt(fold.deliveries),
  fold_open.drop('call', ['k']),
];

function looksAt<Row>(source: fold.Source<Row>): Query<unknown>[] {
  return [
    fold.after(source, 1, 9),
    fold.ended(source, 9),
    fold.standing(source, '[["k", 1]]'),
    fold.upto(source, 1, 9),
  ];
}

const db = new Database(':memory:');
migrate(db);
db.function('dot', (one: number, other: number) => one * other);

for (const { verb, sql, args } of verbs) {
  test(`${verb} looks at unfinished work or by a key, never through history`, () => {
    const plan = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...args);
    for (const { detail } of plan) {
      // A table of the statement's own (a CTE, a subquery) is as short as what made it.
      const own =
        /^SCAN (c|w|l|e|later|earlier|t|q|name|lost|now|wanted|paired|hit|best|given|looked|compared|stretch|json_each|\(subquery|CONSTANT|SUBQUERY)\b/i.test(
          detail,
        );
      const short = SHORT.some((index) => detail.includes(`INDEX ${index}`));
      // A full-text index that is asked for words.
      const matched = /VIRTUAL TABLE INDEX \d+:M/.test(detail);
      assert.ok(!detail.startsWith('SCAN') || own || short || matched, `${detail}\n${sql}`);
    }
  });
}
