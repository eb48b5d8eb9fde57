import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { tokensOf } from '#shared/recall/fill.ts';
import type { Memory } from '#shared/tables/memory.ts';
import { trial as trialOf } from '#shared/testing/trial.ts';
import { profileOf } from './profile.ts';
import { grant } from './wishes.ts';

const trial = (t: TestContext) => trialOf(t, grant);

process.env.TZ = 'Europe/Berlin';

const memory = (id: number, more: Partial<Memory>) =>
  ({
    ...{
      id,
      kind: 'fact',
      status: 'active',
      origin: 'rule',
      slot: null,
      due_at: null,
      pinned: 0,
      text: `Text ${id}`,
    },
    ...{ valid_from: id, recorded_at: id },
    ...more,
  }) as Memory;

test('what matters most comes first, dates are told, and the order in which it is read does not matter', () => {
  const due_at = new Date(2027, 4, 3, 10, 30).getTime();
  const all = [
    memory(1, { kind: 'preference', text: 'I like tea' }),
    memory(2, { slot: 'owner.city', text: 'I live in Rome' }),
    memory(3, { kind: 'task', due_at, text: 'Renew the\npassport' }),
    memory(4, { kind: 'person', text: 'My wife is Eva' }),
    memory(5, { pinned: 1, text: 'Vegan kitchen only' }),
    memory(6, { slot: 'owner.city', status: 'disputed', text: 'I live in Oslo' }),
    memory(7, { kind: 'summary', text: 'A day' }),
  ];
  const { text, items } = profileOf(all);
  assert.equal(
    text,
    `Important:
- Vegan kitchen only

To do and coming up:
- Renew the passport (2027-05-03 10:30)

Facts:
- I live in Oslo [unclear: ask]
- I live in Rome [unclear: ask]

People:
- My wife is Eva

Preferences:
- I like tea`,
  );
  assert.deepEqual(items, [5, 3, 6, 2, 4, 1]);
  assert.deepEqual(profileOf(all.toReversed()), { text, items });
  assert.deepEqual(profileOf([]), { text: '', items: [] });
});

test('it never grows beyond its tokens, and the pinned ones are what stays', () => {
  const many = Array.from({ length: 400 }, (_, i) =>
    memory(i + 1, { text: `${'words '.repeat(12)}${i}`, pinned: i >= 380 ? 1 : 0 }),
  );
  const { text, items } = profileOf(many);
  assert.ok(tokensOf(text) <= 1200 && tokensOf(text) > 1100, String(tokensOf(text)));
  for (let id = 381; id <= 400; id++) assert.ok(items.includes(id));
});

test('it is written only when it says something else', async (t) => {
  const here = await trial(t);
  await here.wish({ kind: 'remember', text: 'I live in Rome' });
  const first = await here.rows<{ at: number }>('SELECT at FROM profile');
  await here.wish({ kind: 'remember', text: 'I live in Rome' });
  await here.wish({ kind: 'remember', text: 'Always answer in French' });
  assert.deepEqual(await here.rows('SELECT at FROM profile'), first);
  await here.wish({ kind: 'reject', memory_id: 1 });
  assert.equal(await here.profile(), '');
});
