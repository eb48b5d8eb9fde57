/**
 * A week with a memory, as its owner has it in Telegram: told on Monday, consolidated by night, killed on Wednesday, asked
 * on Friday, forgotten on Saturday, and still gone when an old backup is put back. The real house, a model by script.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TextBlockParam } from '@anthropic-ai/sdk/resources/messages';
import { isRemembered } from '#shared/base/untrusted.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import type { Memory } from '#shared/tables/memory.ts';
import { printed, vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House, OWNER, processesOf, type Suite } from '#shared/testing/house.ts';
import { heard, type Reply } from '#shared/testing/messages-script.ts';
import { phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';
import { clockOf, noClock, type WallClock } from '#shared/testing/wall-clock.ts';

const HOUR_ms = 3_600_000;
const DAY_ms = 24 * HOUR_ms;
const MONDAY = Date.parse('2026-11-16T00:00Z');
const [TUESDAY, WEDNESDAY, THURSDAY, FRIDAY] = [
  MONDAY + DAY_ms,
  MONDAY + 2 * DAY_ms,
  MONDAY + 3 * DAY_ms,
  MONDAY + 4 * DAY_ms,
] as const;

const CONFIG = `[owner]
time_zone = "UTC"
quiet = ""
[core]
history_turns = 3
[memory]
rules_after_s = 0
[router]
batch_poll_s = 1
`;

const OPEN = `SELECT state, batch_ref FROM memory_run WHERE state IN ('planned', 'submitted', 'received')`;

/** What the model makes of what was said, besides what the rules make of it. */
const READ: [words: RegExp, add: object][] = [
  [
    /Mara is allergic to hazelnuts/,
    { kind: 'person', text: 'Mara is allergic to hazelnuts', slot: 'person.mara.allergy' },
  ],
  [
    /dentist on 3 December/,
    { kind: 'event', text: 'The owner is at the dentist on 3 December 2026', due_at: '2026-12-03 14:30' },
  ],
];

const SISTER = 'sister is Mara Quellwasser';

type Line = { id: number; by: string; text?: string };

/** A model that reads for memory: it finds what is in `READ`, and sums up each session in its own words. */
function read(told: string): object {
  const [, said = ''] = told.split('What was said:\n');
  const sessions = said.split(/^Session \d+\n/m).slice(1);
  const lines = (session: string): Line[] =>
    session
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const add = sessions.flatMap(lines).flatMap(({ id, by, text = '' }) =>
    READ.flatMap(([words, found]) => {
      const quote = by === 'person' && words.exec(text)?.[0];
      const rest = { slot: null, replaces: null, valid_from: null, due_at: null, confidence: 0.9 };
      return quote ? [{ ...rest, ...found, sources: [{ message: id, quote }] }] : [];
    }),
  );
  const summaries = sessions.map((session, index) => {
    const words = lines(session).flatMap(({ by, text = '' }) => (by === 'person' ? [text] : []));
    return { session: index + 1, text: `The person said: ${words.join(' ')}` };
  });
  return { add, retract: [], dispute: [], summaries };
}

const textsOf = (request: MessagesRequest): string[] => {
  const { content = '' } = request.messages.at(-1) ?? {};
  return typeof content === 'string'
    ? [content]
    : content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
};
/** What the model is told with the question, of what is remembered. */
const recalledIn = (request: MessagesRequest): string => textsOf(request).filter(isRemembered).join('\n');

/** Answers from what is recalled alone: with its newest line on the question's subject, and where that is from. */
function answer(request: MessagesRequest): Reply {
  const { tool_choice } = request as { tool_choice?: { name?: string } };
  const words = heard(request);
  if (tool_choice?.name === 'remember') return { tools: [{ name: 'remember', input: read(words) }] };
  if (tool_choice?.name === 'sum_up')
    return { tools: [{ name: 'sum_up', input: { summary: 'They talked.' } }] };
  if (words.includes('Write down what was said so far')) return 'They talked of the weather.';
  const subject = /\("(.*)"\)$/.exec(words)?.[1];
  if (!subject) return 'I see.';
  const about = recalledIn(request)
    .split('\n')
    .findLast((line) => line.includes(subject) && !/\?|person said:/.test(line));
  const [, source, fact] = /^- \[(.*?)\] (.*)$/.exec(about ?? '') ?? [];
  return fact === undefined ? `I know nothing about ${subject}.` : `${fact} (${source})`;
}

describe('a week with a memory', { skip: noClock }, () => {
  let house: House;
  let clock: WallClock;
  let suite: Suite;
  let phone: ReturnType<typeof phoneOf>;

  before(async () => {
    house = await buildHouse({ config: CONFIG });
    clock = clockOf(house, MONDAY + 9 * HOUR_ms);
    house.model.script(answer);
    await house.bot.jump(clock.now() - Date.now());
    suite = await house.start([], clock.env);
    phone = phoneOf(house, OWNER);
  });
  after(() => house.close());

  const rows = <Row>(sql: string, ...args: (string | number)[]) => house.read<Row>(sql, ...args);
  const count = async (sql: string, ...args: (string | number)[]) =>
    (await rows<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`, ...args))[0]?.n ?? 0;
  async function go(at: number): Promise<void> {
    await house.bot.jump(at - clock.now());
    clock.set(at);
  }
  async function talk(...words: string[]): Promise<void> {
    for (const text of words) await phone.ask(text, /^I see/);
  }
  /** The night's slot comes, the batch goes out, ends and is applied; the rules have read all of the day. */
  async function night(after: number): Promise<void> {
    await until('all that was said is indexed', async () => {
      const [row] = await rows<{ left: number }>(
        'SELECT (SELECT max(id) FROM message) - coalesce((SELECT upto_id FROM passage_cursor), 0) AS left',
      );
      return row?.left === 0;
    });
    const at = after + DAY_ms + 3 * HOUR_ms + 25 * 60_000;
    await go(at);
    await until('the slot of the night is over', () =>
      count(
        `slot WHERE job = 'consolidate memory' AND state IN ('done', 'skipped') AND due_at > ?`,
        at - HOUR_ms,
      ).then((n) => n > 0),
    );
    const open = () => rows<{ state: string; batch_ref: string | null }>(OPEN);
    await until('what was planned is submitted', async () =>
      (await open()).every(({ batch_ref }) => batch_ref),
    );
    await house.model.endBatch();
    // A batch is asked after by the clock.
    await go(at + HOUR_ms);
    await until('what the model said is applied', async () => (await open()).length === 0);
  }
  const memories = (status: Memory['status']) =>
    rows<Memory>('SELECT * FROM memory WHERE status = ? ORDER BY id', status);
  const asked = (): MessagesRequest =>
    house.model
      .calls()
      .map(({ body }) => body as MessagesRequest)
      .findLast(({ tool_choice }) => tool_choice === undefined) as MessagesRequest;

  it('what is told on Monday and Tuesday is remembered by rule, and by the model at night', async () => {
    await talk(
      'I work at Nordwind as an engineer.',
      'I really love oatmilk in my coffee.',
      `My ${SISTER}.`,
      'By the way, Mara is allergic to hazelnuts, keep the cake away from her.',
      'I am at the dentist on 3 December at half past two.',
    );
    await night(MONDAY);
    await go(TUESDAY + 9 * HOUR_ms);
    await talk('Actually, I work at Suedstern now.', 'It is raining.', 'The train was late.');
    await night(TUESDAY);
    const active = (await memories('active')).filter(({ kind }) => kind !== 'summary');
    for (const words of [/Suedstern/, /oatmilk/, /Quellwasser/, /hazelnuts/, /dentist/]) {
      assert.ok(
        active.some(({ text }) => words.test(text)),
        `${words} in ${active.map(({ text }) => text).join(' | ')}`,
      );
    }
    assert.ok(!active.some(({ text }) => /Nordwind/.test(text)));
    assert.match((await memories('superseded')).map(({ text }) => text).join(), /Nordwind/);
    assert.ok((await count(`memory_run WHERE how = 'batch' AND state = 'applied'`)) >= 2);
  });

  it('everybody is killed in the middle of the week, and is back', async () => {
    await go(WEDNESDAY + 9 * HOUR_ms);
    await talk('The printer is broken again.', 'We had soup for lunch.', 'I watched a film about whales.');
    const pids = [...(await processesOf(suite)).values()];
    for (const pid of [suite.child.pid ?? 0, ...pids]) process.kill(pid, 'SIGKILL');
    await suite.exit;
    suite = await house.start([], clock.env);
    await night(WEDNESDAY);
    await go(THURSDAY + 9 * HOUR_ms);
    await talk('The printer works.', 'It snowed a little.', 'I read a novel.', 'The bus was full.');
    await night(THURSDAY);
  });

  it('asked on Friday, it knows: the newest value, with its source and date', async () => {
    await go(FRIDAY + 9 * HOUR_ms);
    await talk('Good morning.');
    for (const [question, known, day] of [
      ['Where do I work now? ("I work")', /work at Suedstern/, 'Tue 2026-11-17'],
      ['What do I take in my coffee? ("oatmilk")', /love oatmilk/, 'Mon 2026-11-16'],
      ['What can Mara not eat? ("hazelnuts")', /allergic to hazelnuts/, 'Mon 2026-11-16'],
      ['When do I see the dentist? ("dentist")', /dentist on 3 December/, 'Mon 2026-11-16'],
    ] as const) {
      const { text } = await phone.ask(question, known);
      assert.ok(text.includes(day), text);
    }
    await phone.ask('Who is my employer? ("Suedstern")', /work at Suedstern/);
    const told = recalledIn(asked());
    assert.match(told, /Tue 2026-11-17\] [^\n]*I work at Suedstern/);
    assert.doesNotMatch(
      told,
      /- \[#\d+, [^\n]*\] I work at Nordwind/,
      'what was so before is no memory in force',
    );
    const [system] = asked().system as TextBlockParam[];
    assert.match(system?.text ?? '', /Suedstern/);
    assert.doesNotMatch(system?.text ?? '', /Nordwind/);
    const { stdout } = await vigil(house.home, ['explain', 'last']);
    assert.match(stdout, /recalled .*Suedstern/);
  });

  it('forgotten, it is gone: from what is recalled, from what the model is told, and from the disk', async () => {
    await phone.ask('Who is my sister? ("Mara Q")', /Mara Quellwasser/);
    assert.ok((await filesWith(house, 'Quellwasser')).length > 0);
    const shown = await phone.ask('/forget Quellwasser', /^Forget this for good/);
    await phone.press(shown, /^Forget it$/);
    await phone.hear(/^Forgotten: .* Nothing of it is left in the store/);
    await phone.ask('Who is my sister? ("Mara Q")', /I know nothing/);
    assert.doesNotMatch(JSON.stringify(asked()), /Quellwasser/);
    assert.deepEqual(await filesWith(house, 'Quellwasser'), []);
    await phone.ask('What do I take in my coffee? ("oatmilk")', /love oatmilk/);
  });

  it('an old backup does not bring it back', async () => {
    const [old] = await rows<{ id: string }>(
      'SELECT id FROM backup WHERE made_at < ? ORDER BY made_at DESC',
      FRIDAY,
    );
    await suite.stop();
    const { stderr, code } = await vigil(house.home, ['backup', 'restore', old?.id ?? '']);
    assert.equal(code, 0, stderr);
    suite = await house.start([], clock.env);
    assert.equal(await count("message WHERE text LIKE '%Quellwasser%'"), 0);
    await phone.ask('Who is my sister? ("Mara Q")', /I know nothing/);
    assert.doesNotMatch(JSON.stringify(asked()), /Quellwasser/);
    assert.deepEqual(await filesWith(house, 'Quellwasser'), []);
    await phone.ask('What do I take in my coffee? ("oatmilk")', /love oatmilk/);
  });
});

/** The files of the house that hold these bytes; not its backups. In a process of its own: see `shared/store/remains.ts`. */
async function filesWith({ home }: House, words: string): Promise<string[]> {
  const args = ['-rlaF', words, home.directory, '--exclude-dir=backups'];
  const { stdout } = await printed(['grep', ...args], { env: process.env });
  return stdout.split('\n').filter(Boolean);
}
