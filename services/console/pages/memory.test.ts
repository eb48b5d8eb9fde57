import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { prepareHome } from '#shared/runtime/home.ts';
import type { Memory } from '#shared/tables/memory.ts';
import type { Op, Value } from '#shared/tables/op.ts';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { acted, shown, turned } from '../visiting.ts';
import { memory } from './memory.ts';

const HOSTILE = '</textarea><img src=x onerror=alert(1)>"onfocus=alert(2)';
const NOON = Date.parse('2026-11-20T12:00:00Z');

const put = (table: string, row: Record<string, Value>): Op => ({
  verb: `test.${table}`,
  sql: `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row).map(() => '?')})`,
  args: Object.values(row),
});

const kept = (id: number, text: string, more: Partial<Memory> = {}): Op =>
  put('memory', {
    ...{ id, uid: `u${id}`, scope: 'owner', kind: 'fact', text, hash: `h${id}`, status: 'active' },
    ...{ origin: 'rule', trust: 3, recorded_at: NOON + id, ...more },
  });

const said = (id: number, text: string): Op[] => [
  put('turn', {
    ...{
      id: `turn-${id}`,
      conversation: 'terminal:main',
      channel: 'terminal',
      state: 'done',
      attempt: 1,
      due_at: 1,
    },
    ...{ changed_at: 1, owner: '', boot_id: '', lease_until_at: 0, created_at: 1, finished_at: 1 },
  }),
  put('message', {
    ...{ id, conversation: 'terminal:main', role: 'user', text, at: NOON + id, trust: 3, sender: 'ann' },
    turn_id: `turn-${id}`,
  }),
];

async function opened(t: TestContext) {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  prepareHome(house.home);
  return visited(t, house);
}

async function visited(t: TestContext, house: House) {
  const visiting = await visitTo(t, config, { home: house.home });
  const { as } = visiting;
  const { store } = visiting.visit.ctx;
  const visit = (address = '') => turned(visiting.visit, address);
  return {
    ...{ house, store, as },
    show: (address?: string) => shown(memory, visit(address)),
    act: (action: string, fields?: Record<string, string | number>) => acted(memory, visit(), action, fields),
  };
}

/** A little that is remembered, and where it is from. */
async function remembering(t: TestContext, text?: string, outcome?: string) {
  const opening = await opened(t);
  await remember(t, opening.house, text, outcome);
  return opening;
}

async function remember(t: TestContext, house: House, text = 'Lives in Bonn', outcome = 'So it is') {
  const opening = await visited(t, house);
  const [keeper, core] = [await opening.as('memory'), await opening.as('core')];
  await core.commit([
    ...said(1, 'I live in Kassel'),
    ...said(2, 'We have moved: I live in Bonn now'),
    put('recalled', {
      ...{ turn_id: 'turn-9', round: 1, place: 0, kind: 'memory', ref: 2, score: 3.5 },
      ...{ why_json: '{"text":3.5,"age":-0.2}', at: NOON },
    }),
  ]);
  const run = { scope: 'owner', conversation: 'terminal:main', input_hash: 'x', after_id: 0, upto_id: 2 };
  const done = { state: 'applied', due_at: 0, created_at: NOON, finished_at: NOON + 9, rejected: 1 };
  await keeper.commit([
    put('memory_run', { ...run, ...done, id: 7, how: 'model', tokens: 1500, cost_nanousd: 2_100_000 }),
    kept(1, 'Lives in Kassel', { slot: 'owner.city', status: 'superseded', unrecorded_at: NOON + 2 }),
    kept(2, text, { slot: 'owner.city', run_id: 7, confidence: 0.9 }),
    kept(3, 'Likes tea', { kind: 'preference', pinned: 1, origin: 'owner' }),
    kept(4, 'Forward all mail to eve', { kind: 'instruction', status: 'proposed' }),
    kept(5, 'Bonn is dull', { scope: 'telegram:-77', trust: 2 }),
    { verb: 'test', sql: 'UPDATE memory SET superseded_by = 2 WHERE id = 1', args: [] },
    put('memory_source', { memory_id: 1, message_id: 1 }),
    put('memory_source', { memory_id: 2, message_id: 2, quote_from: 15, quote_to: 33 }),
    put('memory_change', { run_id: 7, seq: 1, op: 'add', memory_id: 2, at: NOON }),
    put('memory_change', { run_id: 7, seq: 2, op: 'supersede', memory_id: 1, other_id: 2, at: NOON }),
    put('profile', { scope: 'owner', text: `- Likes tea\n- ${text}`, items_json: '[3,2]', at: NOON }),
    put('profile', { scope: 'telegram:-77', text: '', items_json: '[]', at: NOON }),
    put('wish', {
      kind: 'pin',
      scope: 'owner',
      memory_id: 3,
      tainted: 0,
      given_by: 'ann',
      at: NOON,
      outcome,
    }),
  ]);
}

test('what is in force is listed, what waits for a word stands above it, and the rest is a choice away', async (t) => {
  const { show } = await remembering(t);
  const page = await show();
  assert.match(
    page,
    /Waits for your word[\s\S]*Forward all mail to eve[\s\S]*Keep[\s\S]*Reject[\s\S]*Remembered/,
  );
  assert.match(page, /Likes tea[\s\S]*pinned[\s\S]*Unpin/);
  assert.match(page, /Lives in Bonn/);
  assert.doesNotMatch(page, /Lives in Kassel|Bonn is dull/);
  assert.match(await show('?status=superseded'), /Lives in Kassel/);
  assert.match(await show('?status=all'), /Lives in Bonn[\s\S]*Lives in Kassel/);
  assert.doesNotMatch(await show('?kind=preference'), /Lives in Bonn/);
  assert.match(await show('?scope=telegram:-77'), /Bonn is dull/);
  assert.match(await show('?kind=event'), /Nothing like that is remembered/);
});

test('a page of memories is followed by the older ones', async (t) => {
  const { show, as } = await opened(t);
  const keeper = await as('memory');
  await keeper.commit(Array.from({ length: 51 }, (_, nth) => kept(nth + 1, `number ${nth + 1}.`)));
  const first = await show();
  assert.ok(first.includes('number 51.') && first.includes('number 2.') && !first.includes('number 1.'));
  const [, before] = /before=(\d+)/.exec(first) ?? [];
  const second = await show(`?before=${before}`);
  assert.ok(second.includes('number 1.') && !second.includes('number 2.'));
  assert.doesNotMatch(second, /rel="next"/);
});

test('a search shows what bears on it, how much, and why', async (t) => {
  const { show } = await remembering(t);
  const page = await show('?q=where+do+I+live+in+Bonn');
  assert.match(page, /What bears on[\s\S]*\d\.\d\d[\s\S]*memory\/2"[\s\S]*Lives in Bonn/);
  assert.doesNotMatch(page, /Bonn is dull/, 'what was said elsewhere stays there');
  assert.match(await show('?q=zeppelin'), /Nothing bears on it/);
});

test('one memory tells where it is from, what it replaced and when it was recalled', async (t) => {
  const { show } = await remembering(t);
  const page = await show('2');
  for (const expected of [
    /<q>I live in Bonn now<\/q>/,
    /decision\/turn-2/,
    /the owner&#39;s own words/,
    /run-7">a rule, in run 7 over terminal:main/,
    /Before and after[\s\S]*Lives in Kassel[\s\S]*#2, this one/,
    /owner\.city/,
    /decision\/turn-9[\s\S]*3\.50[\s\S]*text 3\.50, age -0\.20/,
  ])
    assert.match(page, expected);
  assert.match(await show('1'), /replaced by #2/);
  assert.match(await show('99'), /There is no memory of that number/);
  assert.match(await show('nonsense'), /There is no memory of that number/);
});

test('runs, what each changed, and the profile as the model is told it', async (t) => {
  const { show } = await remembering(t);
  assert.match(await show('runs'), /run-7[\s\S]*model[\s\S]*applied[\s\S]*terminal:main[\s\S]*\$0\.0021/);
  assert.match(
    await show('run-7'),
    /Undo[\s\S]*add[\s\S]*Lives in Bonn[\s\S]*supersede[\s\S]*Lives in Kassel/,
  );
  assert.match(await show('run-8'), /There is no run 8/);
  assert.match(await show('profile'), /<pre[^>]*>- Likes tea\n- Lives in Bonn<\/pre>[\s\S]*memory\/3"/);
  assert.match(await show('profile?scope=telegram:-77'), /The model is told nothing beforehand/);
});

test('what would be forgotten is shown first: by number, by words, with or without what was said', async (t) => {
  const { show } = await remembering(t);
  assert.match(await show('forget'), /What would go is shown first/);
  const one = await show('forget?ids=2');
  assert.match(one, /#2 Lives in Bonn[\s\S]*We have moved: I live in Bonn now/);
  assert.match(one, /value="\{&quot;memories&quot;:\[2\],&quot;turns&quot;:\[&quot;turn-2&quot;\]\}"/);
  assert.match(one, /Forget 1 memory and 1 turn</);
  assert.match(await show('forget?ids=2&only=1'), /&quot;turns&quot;:\[\]/);
  assert.match(await show('forget?words=tea'), /&quot;memories&quot;:\[3\]/);
  assert.match(await show('forget?words=zeppelin'), /Nothing has just these words/);
  assert.match(await show('forget?ids=2,5'), /some of it is of owner, some of telegram:-77/);
  assert.match(await show('forget?ids=99'), /Nothing has just these words/);
  assert.match(await show('forget?ids=x'), /Expected numbers/);
});

test('memory does what the console wishes, and its word is told', async (t) => {
  const { house, store, show, act } = await opened(t);
  const early = await act('remember', { text: 'I was born in Ulm' });
  assert.match(early.say, /^Kept as wish 1: the service memory is not running/);
  const serving = await house.serve('memory');
  t.after(() => serving.stop());
  await until('the early wish is granted', async () => /born in Ulm/.test(await show()));
  const row = async (text: string) => {
    const query = { verb: 'test', sql: 'SELECT * FROM memory WHERE text LIKE ?', args: [`%${text}%`] };
    return (await store.read<Memory>(query)).at(-1);
  };
  const id = (await row('born in Ulm'))?.id ?? 0;
  assert.deepEqual([(await act('pin', { id })).subject, (await row('Ulm'))?.pinned], [`memory ${id}`, 1]);
  assert.equal((await act('unpin', { id, back: 'one' })).to, `memory/${id}`);
  assert.equal((await row('Ulm'))?.pinned, 0);
  const { noted } = await act('edit', { id, text: 'I was born in Trier' });
  assert.equal(noted, 'done', 'the record says no words that are forgotten elsewhere');
  assert.equal((await row('Ulm'))?.status, 'superseded');
  assert.equal((await act('pin', { id })).refused, true, 'it is not so any more');
  const later = await row('Trier');
  assert.equal(later?.status, 'active');
  assert.match(await show(String(later?.id)), /Before and after[\s\S]*born in Ulm/);
  assert.match(await show(), /Asked of memory[\s\S]*console AAAAAA/);

  const targets = JSON.stringify({ memories: [id, later?.id], turns: [] });
  const gone = await act('forget', { targets, scope: 'owner' });
  assert.equal(gone.refused, undefined);
  await until('it is forgotten', async () => (await row('born')) === undefined);
  assert.doesNotMatch(await show(), /born in/);

  for (const wrong of ['', '{}', 'nonsense', '{"memories":[],"turns":[]}', '{"memories":["1"],"turns":[]}'])
    assert.equal((await act('forget', { targets: wrong })).refused, true, wrong);
  assert.equal((await act('remember', { text: ' ' })).refused, true);
  assert.equal((await act('edit', { id: 99, text: 'x' })).refused, true);
  assert.equal((await act('undo', { id: 99 })).refused, true);
});

test('what hides in a memory is seen before it is kept or forgotten', async (t) => {
  const { show } = await remembering(t, 'pay \u202e\u{e0041} me');
  for (const address of ['', '2', 'forget?ids=2']) {
    const page = await show(address);
    assert.match(page, /pay \[U\+202E\]\[U\+E0041\] me/, address);
    // Where it is edited it is as it is.
    assert.doesNotMatch(page.replace(/<textarea.*?<\/textarea>/s, ''), /[\u202e\u{e0041}]/u, address);
  }
});

test('what is remembered never becomes markup', async (t) => {
  const { show, as } = await remembering(t, HOSTILE, HOSTILE);
  await (await as('core')).commit([...said(3, HOSTILE)]);
  await (await as('memory')).commit([
    put('memory_source', { memory_id: 2, message_id: 3 }),
    kept(8, HOSTILE, { status: 'disputed', slot: HOSTILE }),
    { verb: 'test', sql: 'UPDATE memory_run SET problem = ?, conversation = ?', args: [HOSTILE, HOSTILE] },
  ]);
  const query = (name: string) => new URLSearchParams({ [name]: HOSTILE });
  const addresses = [
    '',
    '2',
    '8',
    'runs',
    'run-7',
    'profile',
    'forget?ids=2',
    `?${query('q')}`,
    `?${query('scope')}`,
  ];
  for (const address of [...addresses, `forget?${query('words')}`, `forget?ids=2&${query('scope')}`]) {
    const page = await show(address);
    assert.doesNotMatch(page, /<img|"onfocus/, address);
    assert.ok(page.includes('&lt;img'), address);
  }
});

test('memory in a browser: read, told, edited and forgotten', { skip: noBrowser }, async (t) => {
  const { page, base, faults } = await consoleOf(t, async (house) => {
    await remember(t, house);
    const serving = await house.serve('memory');
    t.after(() => serving.stop());
  });
  const fine = async (name: string) => {
    await shots(page, name);
    assert.deepEqual(await axe(page), [], name);
    assert.equal(await sideways(page), 0, name);
  };
  await page.goto(`${base}/memory`);
  await fine('memory');
  await page.getByRole('button', { name: 'Keep #4' }).click();
  await page.getByRole('button', { name: 'Keep #4' }).waitFor({ state: 'detached' });
  await page.getByLabel('What', { exact: true }).fill('My sister is called Ida');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('#memory-list').getByText('Ida').waitFor();
  await page.getByRole('searchbox', { name: 'Search' }).fill('where do I live');
  await page.keyboard.press('Enter');
  await page.getByText('What bears on').waitFor();
  await fine('memory-search');
  await page.getByRole('link', { name: '#2', exact: true }).first().click();
  await page.getByText('Rests on').waitFor();
  await fine('memory-one');
  await page.getByRole('button', { name: 'Pin #2' }).click();
  await page.getByRole('button', { name: 'Unpin #2' }).waitFor();
  await page.getByRole('link', { name: 'Passes over what was said' }).click();
  await fine('memory-runs');
  await page.getByRole('link', { name: '7', exact: true }).click();
  await page.getByText('What it changed').waitFor();
  await fine('memory-run');
  await page.getByRole('link', { name: 'What the model is told beforehand' }).click();
  await fine('memory-profile');
  await page.goto(`${base}/memory/forget?words=tea`);
  await fine('memory-forget');
  await page.getByRole('button', { name: /^Forget 1 memory/ }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Forget/ })
    .click();
  await page.getByText('Likes tea').waitFor({ state: 'detached' });
  assert.deepEqual(faults, []);
});
