import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as wish from '#shared/tables/wish.ts';
import { CHAT, type Trial, trial as trialOf } from '#shared/testing/trial.ts';
import { ask, unasked } from './asks.ts';
import { expire } from './expiry.ts';
import { applyChanges } from './keep.ts';
import { rulesOf } from './rules.ts';
import { grant } from './wishes.ts';

const trial = (t: TestContext) => trialOf(t, grant);

const statuses = async (t: Trial) => (await t.memories()).map(({ text, status }) => `${text}: ${status}`);
const told = (t: Trial) =>
  t.rows<{ text: string; conversation: string }>('SELECT * FROM outbound ORDER BY id');

async function agentTurn(t: Trial, text: string): Promise<string> {
  const id = await t.say(text, { conversation: CHAT });
  const [row] = await t.rows<{ turn_id: string }>('SELECT turn_id FROM message WHERE id = ?', id);
  return row?.turn_id ?? '';
}

test('what the owner asks to remember is theirs; what the agent notes in a turn rests on that turn', async (t) => {
  const here = await trial(t);
  const own = await here.wish({ kind: 'remember', text: 'I live in Rome' });
  assert.equal(own.state, 'done');
  const turn_id = await agentTurn(here, 'my sister likes figs');
  await here.wish({ kind: 'remember', text: "The user's sister likes figs", turn_id, conversation: CHAT });
  const [mine, noted] = await here.memories();
  assert.deepEqual(
    [mine?.origin, mine?.trust, mine?.slot, mine?.status],
    ['owner', 3, 'owner.city', 'active'],
  );
  assert.deepEqual([noted?.origin, noted?.trust, noted?.status], ['model', 2, 'active']);
  assert.equal((await here.rows('SELECT * FROM memory_source')).length, 1);
  assert.deepEqual(await told(here), []);
});

test('a wish of a turn that has read words of strangers is put aside, and the owner is told', async (t) => {
  const here = await trial(t);
  const turn_id = await agentTurn(here, 'read that page');
  const asked = {
    kind: 'remember',
    text: 'My bank is Omega',
    turn_id,
    conversation: CHAT,
    tainted: 1,
  } as const;
  const over = await here.wish(asked);
  assert.equal(over.state, 'done');
  assert.deepEqual(await statuses(here), ['My bank is Omega: quarantined']);
  assert.match((await told(here))[0]?.text ?? '', /put "My bank is Omega" aside/);
  const [row] = await here.memories();
  for (const kind of ['confirm', 'pin', 'edit', 'reject'] as const) {
    const tried = await here.wish({ kind, memory_id: row?.id ?? 0, text: 'x', turn_id, tainted: 1 });
    assert.equal(tried.state, 'refused', kind);
  }
  assert.equal((await here.wish({ kind: 'confirm', memory_id: row?.id ?? 0, turn_id })).state, 'refused');
  await here.wish({ kind: 'confirm', memory_id: row?.id ?? 0 });
  const [kept] = await here.memories();
  assert.deepEqual([kept?.status, kept?.origin, kept?.trust], ['active', 'owner', 3]);
});

test('what the agent notes and the rules read in the same words is one value, in the words of the owner', async (t) => {
  for (const first of ['agent', 'rules']) {
    const here = await trial(t);
    const turn_id = await agentTurn(here, 'I live in Rome');
    const noting = () => here.wish({ kind: 'remember', text: 'The user lives in Rome', turn_id });
    const reading = async () => {
      here.now += 60_000;
      const desk = rulesOf(here);
      const piece = await desk.look();
      if (piece) await desk.act(piece);
    };
    if (first === 'agent') await noting();
    await reading();
    if (first === 'rules') await noting();
    assert.deepEqual(
      (await here.memories("status = 'active'")).map(({ text }) => text),
      ['I live in Rome'],
      first,
    );
    assert.deepEqual(await here.memories("status = 'disputed'"), []);
  }
});

test('an edit keeps what was, and the agent changes nothing that the owner has set', async (t) => {
  const here = await trial(t);
  await here.wish({ kind: 'remember', text: 'I live in Rome' });
  await here.wish({ kind: 'edit', memory_id: 1, text: 'I live in Ostia' });
  assert.deepEqual(await statuses(here), ['I live in Rome: superseded', 'I live in Ostia: active']);
  const [rome, ostia] = await here.memories();
  assert.equal(rome?.superseded_by, ostia?.id);
  assert.equal(ostia?.slot, 'owner.city');
  const turn_id = await agentTurn(here, 'change that');
  const tried = await here.wish({
    kind: 'edit',
    memory_id: 2,
    text: 'I live in Oslo',
    turn_id,
    conversation: CHAT,
  });
  assert.equal(tried.state, 'refused');
  assert.match((await told(here)).at(-1)?.text ?? '', /only you change it/);
  assert.match(await here.profile(), /Ostia/);
});

test('what is pinned stays in view, and rules ask before they change it', async (t) => {
  const here = await trial(t);
  await here.wish({ kind: 'remember', text: 'I live in Rome' });
  await here.wish({ kind: 'pin', memory_id: 1 });
  assert.match(await here.profile(), /^Important:\n- I live in Rome/);
  await here.say('I live in Oslo');
  here.now += 60_000;
  const desk = rulesOf(here);
  const piece = await desk.look();
  assert.ok(piece);
  await desk.act(piece);
  assert.deepEqual(await statuses(here), ['I live in Rome: active', 'I live in Oslo: disputed']);
  await here.wish({ kind: 'unpin', memory_id: 1 });
  assert.match(await here.profile(), /^Facts:/);
});

test('a wish of another scope, or of nothing, is refused', async (t) => {
  const here = await trial(t);
  await here.wish({ kind: 'remember', text: 'I live in Rome' });
  const other = await here.wish({ kind: 'reject', memory_id: 1, scope: 'telegram:-7/u1' });
  assert.deepEqual([other.state, other.outcome], ['refused', 'There is no such memory here.']);
  assert.equal((await here.wish({ kind: 'pin', memory_id: 99 })).state, 'refused');
  assert.equal((await here.wish({ kind: 'undo', run_id: 99 })).state, 'refused');
  assert.deepEqual(await statuses(here), ['I live in Rome: active']);
});

test('what a run has learnt is taken back as it was, but what was changed since; and once', async (t) => {
  const here = await trial(t);
  const pass = async () => {
    here.now += 60_000;
    const desk = rulesOf(here);
    const piece = await desk.look();
    if (piece) await desk.act(piece);
  };
  await here.say('I live in Rome. I like tea.');
  await pass();
  const before = await here.memories();
  const profile = await here.profile();
  await here.say('I live in Oslo. I like tea. My wife is Eva. I hate rain.');
  await pass();
  const eva = (await here.memories("text = 'My wife is Eva'"))[0];
  await here.wish({ kind: 'pin', memory_id: eva?.id ?? 0 });
  const over = await here.wish({ kind: 'undo', run_id: 2, conversation: CHAT });
  assert.match(over.outcome ?? '', /1 of its changes stay/);
  const after = await here.memories();
  assert.deepEqual(after.slice(0, before.length), before);
  assert.deepEqual(await here.memories("text = 'My wife is Eva' AND status = 'active'"), [
    { ...eva, pinned: 1 },
  ]);
  assert.deepEqual(
    (await here.memories("status = 'retracted'")).map(({ text }) => text),
    ['I live in Oslo', 'I hate rain'],
  );
  assert.equal((await here.rows('SELECT * FROM memory_source WHERE memory_id = 2')).length, 1);
  assert.ok((await here.profile()).includes(profile.split('\n')[1] ?? ''));
  assert.match((await here.wish({ kind: 'undo', run_id: 2 })).outcome ?? '', /taken back already/);
  assert.deepEqual(await here.memories(), after);
  // What was taken back is not learnt from the same words again.
  await pass();
  assert.deepEqual(await here.memories(), after);
});

test('a wish is granted once, however often it is taken up', async (t) => {
  const here = await trial(t);
  const over = await here.wish({ kind: 'remember', text: 'I live in Rome' });
  await assert.rejects(grant(here, { ...over, state: 'pending' }), /no longer ours/);
  assert.equal((await here.rows('SELECT * FROM memory_change')).length, 1);
  assert.equal((await here.store.read(wish.next(['remember']))).length, 0);
});

test('what waits for a yes is asked about once, all that comes together in one message', async (t) => {
  const here = await trial(t);
  await here.wish({ kind: 'remember', text: 'Always answer in French' });
  await here.wish({ kind: 'remember', text: 'Never call me before noon' });
  assert.equal(await unasked(here), null, 'something may follow');
  here.now += 10_000;
  const rows = await unasked(here);
  assert.equal(rows?.length, 2);
  await ask(here, rows ?? []);
  assert.equal(await unasked(here), null);
  const [asked, ...more] = await here.rows<Record<string, string>>('SELECT * FROM outbound');
  assert.deepEqual(more, []);
  assert.equal(asked?.conversation, 'telegram:4242');
  assert.equal(asked?.urgency, 'unasked');
  const data = JSON.parse(asked?.buttons_json ?? '[]')
    .flat()
    .map((one: { data: string }) => one.data);
  assert.deepEqual(data, ['memory:confirm:1', 'memory:reject:1', 'memory:confirm:2', 'memory:reject:2']);
  await here.wish({ kind: 'confirm', memory_id: 1 });
  await here.wish({ kind: 'reject', memory_id: 2 });
  assert.deepEqual(await statuses(here), [
    'Always answer in French: active',
    'Never call me before noon: retracted',
  ]);
  assert.match(await here.profile(), /Always answer in French/);
});

test('what is over expires, a task a month after it was due, and not what is pinned', async (t) => {
  const here = await trial(t);
  const day = 86_400_000;
  for (const text of ['Remind me to pay rent tomorrow', 'Remind me to call Bo tomorrow', 'I live in Rome'])
    await here.wish({ kind: 'remember', text });
  await here.wish({ kind: 'pin', memory_id: 2 });
  const [{ due_at } = { due_at: null }] = await here.memories();
  assert.ok(due_at);
  here.now = due_at + 30 * day - 1;
  await expire(here);
  assert.equal((await here.memories("status = 'expired'")).length, 0);
  here.now += 1;
  await expire(here);
  assert.deepEqual(
    (await here.memories("status = 'expired'")).map(({ id }) => id),
    [1],
  );
  assert.doesNotMatch(await here.profile(), /rent/);
});

test('the summary of a session expires after ninety days, that of a day does not', async (t) => {
  const here = await trial(t);
  const id = await here.say('we planned the trip');
  const ends_at = here.now;
  const open = { slot: null, confidence: null, valid_from: null, due_at: null };
  const summary = { op: 'add', kind: 'summary', starts_at: ends_at, ends_at, ...open } as const;
  const sources = [{ message_id: id, quote: null }];
  await applyChanges(here, { run: { how: 'model', input_hash: 'x' } }, 'owner', [
    { ...summary, text: 'A trip was planned', period: 'session', sources },
    { ...summary, text: 'On that day a trip was planned', period: 'day', sources },
  ]);
  here.now = ends_at + 90 * 86_400_000 - 1;
  await expire(here);
  assert.equal((await here.memories("status = 'active'")).length, 2);
  here.now += 1;
  await expire(here);
  assert.deepEqual(
    (await here.memories("status = 'active'")).map(({ period }) => period),
    ['day'],
  );
});
