/**
 * One message, followed by its id through all that is written down: rows and log lines of every service it went through, with
 * each field that an account of it needs.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Call } from '#shared/tables/call.ts';
import type { Decision } from '#shared/tables/decision.ts';
import type { ExternalCall } from '#shared/tables/external_call.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let turn_id: string;
const CHAT = 4711;
const SECRET_WORDS = 'the name of this machine, please';

before(async () => {
  house = await buildHouse({ config: '[log]\nlevel = "debug"\n' });
  house.model.script((_request, call) =>
    call === 1
      ? { thinking: 'it is in a file', tools: [{ name: 'read_file', input: { path: '/etc/hostname' } }] }
      : { thinking: 'there it is', text: 'It is called so.\n<confidence>0.8</confidence>' },
  );
  house.model.fault({ kind: 'api_error', calls: 1 });
  await house.start();
  const phone = phoneOf(house, CHAT);
  await phone.say(SECRET_WORDS);
  await phone.press(await phone.hear(/hostname/), /once|allow/i);
  await phone.hear(/^It is called so\.$/);
  turn_id = await until('all of it is on the books', async () => {
    const [row] = await house.read<{ id: string }>(
      `SELECT t.id FROM turn t JOIN outbound o ON o.turn_id = t.id AND o.kind = 'reply' AND o.state = 'sent'
       WHERE t.chat = ? AND t.state = 'done' AND NOT EXISTS (SELECT 1 FROM call c WHERE c.turn_id = t.id AND c.state = 'open')`,
      String(CHAT),
    );
    return row?.id ?? null;
  });
});

after(() => house.close());

const rows = <Row>(table: string) => house.read<Row>(`SELECT * FROM ${table} WHERE turn_id = ?`, turn_id);

/** What is missing of an account. */
const lacking = (row: object, fields: readonly string[]) =>
  fields.filter((field) => (row as Record<string, unknown>)[field] == null);

test('each decision says who asked, what was chosen and why, how sure, by which model, when, and by which call', async () => {
  const decisions = await rows<Decision>('decision');
  assert.deepEqual(
    decisions.map(({ action }) => action),
    ['tool read_file', 'answer'],
  );
  const fields = ['id', 'turn_id', 'round', 'call_id', 'conversation', 'sender', 'model', 'reasoning', 'at'];
  for (const row of decisions) assert.deepEqual(lacking(row, fields), [], row.action);
  const [tool, answer] = decisions;
  assert.deepEqual(JSON.parse(tool?.subject_json ?? ''), { path: '/etc/hostname' });
  assert.equal(answer?.confidence, 0.8);
  const calls = new Map((await rows<Call>('call')).map((call) => [call.id, call]));
  for (const { call_id } of decisions) {
    const call = calls.get(call_id ?? '');
    assert.ok(call?.cost_nanousd, 'what it cost');
    const [exchange] = await house.read('SELECT * FROM exchange WHERE call_id = ?', call_id);
    assert.ok(exchange, 'the whole of what the model was told');
  }
});

test('each model call is a row from the reservation to the bill, the one that failed too', async () => {
  const calls = await rows<Call>('call');
  assert.deepEqual(
    calls.map(({ outcome, attempt }) => [outcome, attempt]),
    [
      ['refused', 1],
      ['ok', 2],
      ['ok', 1],
    ],
  );
  const fields = [
    'target',
    'provider',
    'model',
    'task',
    'reason_json',
    'hold_nanousd',
    'status',
    'latency_ms',
  ];
  for (const call of calls)
    assert.deepEqual(lacking(call, [...fields, 'opened_at', 'closed_at', 'request']), []);
  assert.equal(calls[0]?.error_type, 'api_error');
  assert.equal(calls[0]?.request, calls[1]?.request, 'a retry is of the same request');
});

test('the tool call, and what the owner said to it', async () => {
  const [called] = await rows<Record<string, unknown>>('tool_call');
  assert.ok(called);
  const fields = ['id', 'decision_id', 'tool', 'input_json', 'result_json', 'approval_id', 'started_at'];
  assert.deepEqual(lacking(called, [...fields, 'finished_at']), []);
  const [approval] = await rows<Record<string, unknown>>('approval');
  assert.deepEqual(
    lacking(approval ?? {}, ['scope', 'choice', 'answered_by', 'answered_at', 'asked_at']),
    [],
  );
  assert.equal(called.approval_id, approval?.id);
});

test('what was asked of the world outside: whom, what for, how it went, how long it took', async () => {
  const calls = await rows<ExternalCall>('external_call');
  const sent = calls.find(({ action }) => action === 'sendMessage');
  assert.ok(sent, `among ${calls.map(({ action }) => action)}`);
  assert.deepEqual(
    lacking(sent, ['service', 'target', 'payload', 'status', 'latency_ms', 'retries', 'at']),
    [],
  );
});

test('an error says what it was, where, what was done about it and how bad it is', async () => {
  house.model.fault({ kind: 'api_error' });
  await phoneOf(house, CHAT + 1).say('and now?');
  const [row] = await until('it is on the books', async () => {
    const errors = await house.read<object>(
      `SELECT e.* FROM error e JOIN turn t ON t.id = e.turn_id WHERE e.event = 'turn.postponed' AND t.chat = ?`,
      String(CHAT + 1),
    );
    return errors.length > 0 && errors;
  });
  const fields = [
    'service',
    'event',
    'type',
    'message',
    'trace',
    'recovery',
    'severity',
    'at',
    'last_at',
    'times',
  ];
  assert.deepEqual(lacking(row ?? {}, fields), []);
});

test('the log of each service that it went through has lines with its id, and none has its words', async () => {
  const lines = readdirSync(house.home.logs).flatMap((service) =>
    readdirSync(join(house.home.logs, service)).flatMap((file) =>
      readFileSync(join(house.home.logs, service, file), 'utf8')
        .split('\n')
        .filter(Boolean),
    ),
  );
  const ours = lines.map((line) => JSON.parse(line)).filter(({ turn }) => turn === turn_id);
  const said = new Map(
    [...Map.groupBy(ours, ({ service }) => service)].map(([service, all]) => [
      service,
      new Set(all.map(({ event }) => event)),
    ]),
  );
  const expected = {
    core: ['turn.begun', 'tools.wanted', 'turn.finished'],
    router: ['call.settled'],
    tools: ['call.finished'],
    telegram: ['message.sent'],
  };
  for (const [service, events] of Object.entries(expected))
    for (const event of events) assert.ok(said.get(service)?.has(event), `${service} ${event}`);
  for (const line of ours) {
    assert.deepEqual(lacking(line, ['level', 'time', 'agent', 'service', 'version', 'pid', 'event']), []);
  }
  assert.deepEqual(
    lines.filter((line) => line.includes(SECRET_WORDS)),
    [],
  );
  const [inbound] = await house.read<{ source_key: string }>(
    'SELECT source_key FROM inbound WHERE turn_id = ?',
    turn_id,
  );
  const update = inbound?.source_key;
  assert.ok(
    lines.some((line) => JSON.parse(line).update === update),
    'and where it came in',
  );
});
