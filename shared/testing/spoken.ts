/** Something that was said, and all that a house makes of it, in every table that comes to hold its words: for tests of what is left of it. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { normalised } from '../forget/words.ts';
import { passageOf, type Told } from '../recall/passage.ts';
import type { Home } from '../runtime/home.ts';
import { FILE, openStore } from '../store/store.ts';

export type Spoken = {
  turn: string;
  text: string;
  answer: string;
  conversation?: string;
  at: number;
  /** What is remembered of it. */
  memory?: string;
  /** It came with a file of these bytes. */
  file?: string;
};

/** Nobody may have the store open in this process. */
export async function speak(home: Home, said: readonly Spoken[]): Promise<void> {
  await (await openStore({ directory: home.state, principal: 'memory' })).close();
  const db = new Database(join(home.state, FILE));
  db.pragma('secure_delete = ON');
  const insert = (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row);
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    return Number(db.prepare(sql).run(...Object.values(row)).lastInsertRowid);
  };
  db.transaction(() => {
    for (const one of said) write(one, insert, home);
    for (const { conversation } of db.prepare('SELECT DISTINCT conversation FROM message').all() as {
      conversation: string;
    }[]) {
      const told = (
        db.prepare('SELECT * FROM message WHERE conversation = ? ORDER BY id').all(conversation) as Told[]
      ).map((row) => ({
        ...row,
        scope: conversation.startsWith('telegram:-') ? conversation : 'owner',
        author: 'Ann',
      }));
      db.prepare('DELETE FROM passage WHERE conversation = ?').run(conversation);
      for (const row of told) insert('passage', passageOf(row, told));
    }
    // What rules would make of it has been made.
    db.exec(
      'INSERT INTO memory_cursor (conversation, rule_id) SELECT conversation, max(id) FROM message WHERE true GROUP BY 1 ON CONFLICT DO NOTHING',
    );
  })();
  db.close();
}

function write(
  { turn, text, answer, conversation = 'telegram:42', at, memory, file }: Spoken,
  insert: (table: string, row: Record<string, unknown>) => number,
  home: Home,
): void {
  const json = JSON.stringify([{ type: 'text', text }]);
  const common = { turn_id: turn, conversation };
  const channel = { channel: 'telegram', chat: '42' };
  insert('turn', {
    id: turn,
    conversation,
    ...channel,
    state: 'done',
    attempt: 1,
    due_at: at,
    changed_at: at,
    owner: 'core',
    boot_id: 'b',
    lease_until_at: at,
    created_at: at,
    finished_at: at + 1,
  });
  const inbound = insert('inbound', {
    source: 'telegram',
    source_key: turn,
    ...channel,
    conversation,
    text,
    payload_json: JSON.stringify({ message: { text } }),
    received_at: at,
    state: 'answered',
    turn_id: turn,
    parts_json: JSON.stringify([{ kind: 'note', text }]),
  });
  const row = { conversation, at, turn_id: turn };
  const heard = insert('message', {
    ...row,
    role: 'user',
    text,
    inbound_id: inbound,
    sender: '42',
    trust: 3,
  });
  insert('message', { ...row, role: 'assistant', text: answer, trust: 2 });
  insert('outbound', {
    key: `reply:${turn}`,
    ...channel,
    conversation,
    kind: 'reply',
    turn_id: turn,
    text: answer,
    state: 'sent',
    due_at: at,
    changed_at: at,
    created_at: at,
    finished_at: at,
  });
  const step = { turn_id: turn, round: 1, at };
  insert('step', { ...step, kind: 'heard', content_json: json });
  insert('step', { ...step, kind: 'model', content_json: JSON.stringify([{ type: 'text', text: answer }]) });
  insert('tool_call', {
    id: `call-${turn}`,
    ...common,
    round: 1,
    place: 0,
    use_id: 'u',
    channel: 'telegram',
    tool: 'web_search',
    input_json: JSON.stringify({ query: text }),
    state: 'done',
    result_json: json,
    created_at: at,
    finished_at: at,
  });
  insert('decision', {
    id: `d-${turn}`,
    ...common,
    round: 1,
    action: 'tool web_search',
    subject_json: JSON.stringify({ query: text }),
    reasoning: answer,
    at,
  });
  insert('approval', {
    id: `a-${turn}`,
    ...common,
    call_id: `call-${turn}`,
    kind: 'question',
    tool: 'ask',
    scope: text,
    choices_json: json,
    state: 'answered',
    asked_at: at,
    expires_at: at,
  });
  insert('draft', { ...common, ...channel, text: answer, open: 0, changed_at: at });
  insert('replay', {
    step: `s-${turn}`,
    turn_id: turn,
    worker: 0,
    owner: 'r',
    at,
    status: 200,
    body: Buffer.from(answer),
  });
  insert('error', {
    service: 'core',
    event: 'turn.failed',
    type: 'Error',
    message: text,
    recovery: '',
    severity: 'error',
    turn_id: turn,
    times: 1,
    at,
    last_at: at,
  });
  insert('external_call', {
    service: 'tools',
    target: 'web',
    action: 'get',
    payload: json,
    status: 'ok',
    latency_ms: 1,
    retries: 0,
    turn_id: turn,
    at,
  });
  insert('taint', { turn_id: turn, source: `web https://x.example/?q=${encodeURIComponent(text)}`, at });
  insert('summary', { conversation, upto_turn_id: turn, text: `So far: ${text}`, at });
  exchange(insert, { id: `m-${turn}`, ...common, at }, text, answer, 'gzip');
  if (file !== undefined) {
    mkdirSync(join(home.files, `call-${turn}`), { recursive: true });
    mkdirSync(join(home.workspace, '.results'), { recursive: true });
    for (const path of [
      join(home.files, `${inbound}.txt`),
      join(home.files, `call-${turn}`, 'copy.txt'),
      join(home.workspace, '.results', `call-${turn}.txt`),
    ])
      writeFileSync(path, file);
    insert('attachment', {
      inbound_id: inbound,
      kind: 'document',
      file_id: 'f',
      name: 'note.txt',
      mime: 'text/plain',
      state: 'ready',
      path: join(home.files, `${inbound}.txt`),
      text: file,
      due_at: at,
      created_at: at,
    });
  }
  if (memory === undefined) return;
  const kept = { scope: 'owner', status: 'active', origin: 'rule', trust: 3, recorded_at: at };
  const wish = insert('wish', {
    kind: 'remember',
    scope: 'owner',
    text: memory,
    tainted: 0,
    given_by: '42',
    at,
    state: 'done',
  });
  const id = insert('memory', {
    ...kept,
    uid: `uid-${turn}`,
    kind: 'fact',
    text: memory,
    hash: normalised(memory),
    wish_id: wish,
  });
  insert('memory_source', { memory_id: id, message_id: heard });
  insert('memory', {
    ...kept,
    uid: `sum-${turn}`,
    kind: 'summary',
    text: `That day: ${memory}`,
    hash: `sum-${turn}`,
    period: 'day',
    starts_at: at - 1000,
    ends_at: at + 1000,
  });
  insert('replay', {
    step: `memory:${turn}`,
    turn_id: '',
    worker: 0,
    owner: 'r',
    at,
    status: 200,
    body: Buffer.from(memory),
  });
  insert('memory_run', {
    ...{ scope: 'owner', conversation, how: 'model', input_hash: `${turn} before`, state: 'applied' },
    ...{ after_id: heard - 1, upto_id: heard, due_at: at, created_at: at, finished_at: at },
  });
  insert('memory_run', {
    scope: 'owner',
    conversation,
    how: 'model',
    input_hash: turn,
    after_id: heard - 1,
    upto_id: heard,
    state: 'received',
    step: `memory:${turn}`,
    answer_json: JSON.stringify({ text: memory }),
    due_at: at,
    created_at: at,
  });
}

/** A call, with its bodies. */
export function exchange(
  insert: (table: string, row: Record<string, unknown>) => number,
  of: { id: string; turn_id: string | null; conversation: string | null; at: number; caller?: string },
  request: string,
  response: string,
  encoding: 'gzip' | 'identity',
): void {
  const body = (text: string) =>
    encoding === 'gzip' ? gzipSync(JSON.stringify({ text })) : Buffer.from(JSON.stringify({ text }));
  const { id, turn_id, conversation, at, caller = 'core' } = of;
  insert('call', {
    id,
    caller,
    turn_id,
    conversation,
    provider: 'p',
    model: 'm',
    stream: 1,
    state: 'settled',
    owner: 'r',
    opened_at: at,
    closed_at: at,
  });
  insert('exchange', {
    call_id: id,
    at,
    bytes: 1,
    encoding,
    request: body(request),
    response: body(response),
  });
}

const COUNT = `
  const { readFileSync, existsSync } = require('node:fs');
  const [words, ...files] = process.argv.slice(1);
  const small = (bytes) => bytes.toString('latin1').toLowerCase();
  const count = (file) => small(readFileSync(file)).split(small(Buffer.from(words))).length - 1;
  console.log(files.filter((file) => existsSync(file)).reduce((sum, file) => sum + count(file), 0));
`;

/** How often the words stand in these files, byte for byte, whatever the case of their letters: read by a process of its own. */
export function bytesOf(files: readonly string[], words: string): number {
  return Number(execFileSync(process.execPath, ['-e', COUNT, words, ...files]));
}

/** The files of a store: its name, its log's. */
export function storeFiles(home: Home): string[] {
  const file = join(home.state, FILE);
  return [file, `${file}-wal`];
}
