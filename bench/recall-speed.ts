/**
 * How long recall takes when much has been said: the whole of it, over a real store whose passages the memory service's
 * own indexing has made. Beside it, in the same run over the same store, a plain full-text search: OR of the words that
 * are no stop words, by bm25, the best 50.
 *
 *   node bench/recall-speed.ts [--rows 10000,100000,1000000] [--questions 200] [--keep FOLDER]
 *
 * What is said is made up: words by Zipf's law (a few are in every message, most in one of a thousand), sessions of
 * some twenty messages with words of their own, answers longer than questions. All of it is one scope, the worst case.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readingOf } from '#shared/recall/reading.ts';
import { type Read, recall } from '#shared/recall/recall.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import type { Op, Query, Value } from '#shared/tables/op.ts';
import { indexed } from './indexed.ts';
import { quantile, table } from './table.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000,100000,1000000' },
    questions: { type: 'string', default: '200' },
    keep: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log('node bench/recall-speed.ts [--rows N,N…] [--questions N] [--keep FOLDER]');
  process.exit(0);
}
const sizes = values.rows.split(',').map(Number);
const questions = Number(values.questions);

const STOP = (
  'the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she or ' +
  'an will my one all would there their what so up out if about who get which go me when make can like time no just ' +
  'him know take people into year your good some could them see other than then now look only come its over think ' +
  'also back after use two how our work first well way even new want because any these give day most us is are was'
).split(' ');
const VOCABULARY = 60_000;
const OWNER = 7;
const START_at = Date.UTC(2020, 0, 1);

/** The same numbers for the same seed (a linear congruential generator). */
let state = 20_261_122;
function upTo(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return (state / 2 ** 32) * below;
}

/** By rank: those that everybody uses, then made-up ones of two to four syllables. */
const words = [...STOP, ...Array.from({ length: VOCABULARY - STOP.length }, (_, rank) => made(rank))];

function made(rank: number): string {
  const syllables =
    'ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dro fri gla sto tri ple'.split(' ');
  let [left, word] = [rank + syllables.length, ''];
  for (; left > 0; left = Math.floor(left / syllables.length)) word += syllables[left % syllables.length];
  return word;
}

/** A word's rank, the share of each inverse to it. */
const zipf = (): number => Math.min(VOCABULARY - 1, Math.floor(VOCABULARY ** upTo(1)) - 1);

type Session = { topic: string[]; left: number; at: number };

function text(session: Session, length: number): string {
  const said = Array.from({ length }, () =>
    upTo(6) < 1 ? session.topic[Math.floor(upTo(session.topic.length))] : words[zipf()],
  );
  return said.join(' ');
}

function sessionAfter(at: number): Session {
  const topic = Array.from({ length: 6 }, () => words[STOP.length + Math.floor(upTo(1) ** 2 * 20_000)] ?? '');
  return { topic, left: 8 + Math.floor(upTo(25)), at: at + (1 + upTo(10)) * 3_600_000 };
}

const op = (sql: string, ...args: Value[]): Op => ({ verb: 'bench', sql, args });
const query = <Row>(sql: string, ...args: Value[]): Query<Row> => ({ verb: 'bench', sql, args });

async function fill(core: Store, rows: number): Promise<void> {
  let session = sessionAfter(START_at);
  for (let from = 0; from < rows; from += 5000) {
    const batch = Array.from({ length: Math.min(5000, rows - from) }, (_, i) => {
      if (session.left-- === 0) session = sessionAfter(session.at);
      session.at += 30_000 + upTo(60_000);
      const user = (from + i) % 2 === 0;
      const length = Math.ceil((user ? 9 : 22) * (0.3 + upTo(1.4)));
      return [
        user ? 'user' : 'assistant',
        text(session, length),
        Math.round(session.at),
        `t${(from + i) >> 1}`,
        user ? 3 : 2,
      ];
    });
    await core.commit([
      op(
        `INSERT INTO message (conversation, role, text, at, turn_id, trust) SELECT 'telegram:${OWNER}',
          value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)`,
        JSON.stringify(batch),
      ),
    ]);
  }
}

/** Some words of a message, as somebody asks who remembers half of it. */
async function asked(store: Store, rows: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < questions) {
    const id = 1 + Math.floor(upTo(rows));
    const [found] = await store.read(query<{ text: string }>('SELECT text FROM message WHERE id = ?', id));
    const content = [...new Set(found?.text.split(' ').filter((word) => !STOP.includes(word)))];
    if (content.length < 4) continue;
    const some = content.sort(() => upTo(2) - 1).slice(0, 3 + Math.floor(upTo(4)));
    texts.push(`when did we say that the ${some.join(' ')} is good for you?`);
  }
  return texts;
}

function plainly(read: Read, question: string): Promise<unknown[]> {
  const terms = question.match(/\w+/g)?.filter((word) => !STOP.includes(word)) ?? [];
  const match = `{text context} : (${terms.join(' OR ')})`;
  return read(
    query(
      'SELECT rowid, bm25(passage_fts) AS score FROM passage_fts WHERE passage_fts MATCH ? ORDER BY score LIMIT 50',
      match,
    ),
  );
}

type Measured = { ms: number[]; still_ms: number };

/** How long each took, and the longest that the event loop stood still. */
async function measure(texts: readonly string[], ask: (text: string) => Promise<unknown>): Promise<Measured> {
  for (const text of texts.slice(0, 20)) await ask(text);
  let [last, still_ms] = [performance.now(), 0];
  const timer = setInterval(() => {
    still_ms = Math.max(still_ms, performance.now() - last - 1);
    last = performance.now();
  }, 1);
  const ms: number[] = [];
  for (const text of texts) {
    const began = performance.now();
    await ask(text);
    ms.push(performance.now() - began);
  }
  clearInterval(timer);
  return { ms, still_ms };
}

const rowsOfTable: string[][] = [];
const facts: string[] = [];

async function run(rows: number, directory: string): Promise<void> {
  const home = homeOf({ VIGIL_HOME: directory });
  mkdirSync(directory, { recursive: true });
  writeFileSync(home.config, `[telegram]\nowners = [${OWNER}]\n`);
  prepareHome(home);
  const core = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  const store = await openStore({ directory: home.state, principal: 'memory', flush: 'normal' });
  try {
    console.error(`${rows} messages …`);
    const [{ n = 0 } = {}] = await store.read(query<{ n: number }>('SELECT count(*) AS n FROM message'));
    if (n < rows) await fill(core, rows - n);
    await index(store, home, rows);
    const texts = await asked(store, rows);
    const ways: [string, (text: string) => Promise<unknown>][] = [
      ['plain FTS5', (text) => plainly(store.read, text)],
      ['recall, here', (text) => recall(store.read, questionOf(text))],
      ['recall, as in core', (text) => recall(readingOf(store), questionOf(text))],
    ];
    const measured: (readonly [string, Measured])[] = [];
    for (const [name, ask] of ways) measured.push([name, await measure(texts, ask)]);
    const plain = measured[0]?.[1].ms ?? [];
    for (const [name, { ms, still_ms }] of measured) {
      rowsOfTable.push([
        `${rows} messages, ${name}`,
        ...[0.5, 0.95, 0.99].map((q) => quantile(ms, q).toFixed(1)),
        (quantile(ms, 0.95) / quantile(plain, 0.95)).toFixed(2),
        still_ms.toFixed(1),
      ]);
    }
  } finally {
    await core.close();
    await store.close();
  }
}

const questionOf = (text: string) => ({ scope: 'owner', text, now: Date.now(), budget_tokens: 1024 });

async function index(store: Store, home: Home, rows: number): Promise<void> {
  const { messages, took_s, longest_ms } = await indexed(home);
  const bytes = async (names: string) => {
    const [sum] = await store.read(
      query<{ bytes: number }>(`SELECT sum(pgsize) AS bytes FROM dbstat WHERE ${names}`),
    );
    return Math.round((sum?.bytes ?? 0) / rows);
  };
  const full = await bytes(`name LIKE 'passage_fts%' OR name LIKE 'passage_pairs%'`);
  const whole = await bytes(`name LIKE 'passage%'`);
  const rate = `indexed ${Math.round(messages / took_s)} a second without its pauses, the longest batch ${longest_ms.toFixed(0)} ms`;
  facts.push(
    `${rows} messages: ${full} bytes of full-text index a message, ${whole} with the passage itself${messages > 0 ? `; ${rate}` : ''}`,
  );
}

for (const rows of sizes) {
  const directory = values.keep
    ? join(values.keep, String(rows))
    : mkdtempSync(join(tmpdir(), 'vigil-recall-'));
  try {
    await run(rows, directory);
  } finally {
    if (!values.keep) rmSync(directory, { recursive: true, force: true });
  }
}
console.log(
  table([`ms (n=${questions})`, 'p50', 'p95', 'p99', 'p95 against plain', 'loop stood still'], rowsOfTable),
);
for (const fact of facts) console.log(fact);
console.log('aims: p95 of recall ≤ 15 ms with 100,000 messages, ≤ 60 ms with 1,000,000');
