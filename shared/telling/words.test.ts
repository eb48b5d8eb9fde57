import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buttonsOf, wordsOf } from './words.ts';

const at = 1_800_000_000_000;

test('what begins and what ends at one time is one message', () => {
  const at_hand = { severity: 'critical', opened_at: at } as const;
  const begun = {
    ...at_hand,
    phase: 'begun',
    text: 'core hangs: no sign of life.',
    closed_at: null,
  } as const;
  const over = { ...at_hand, phase: 'over', closed_at: at + 90_000 } as const;
  assert.equal(wordsOf([begun], at), '⚠️ core hangs: no sign of life.');
  const full = { ...over, text: 'The disk that holds the store has 3 MB left.' };
  assert.equal(wordsOf([full], at), '✅ Over: The disk that holds the store has 3 MB left (after 90 s)');
  assert.equal(
    wordsOf([begun, { ...over, text: begun.text }, { ...begun, text: 'router is down.' }], at),
    '⚠️\n• core hangs: no sign of life.\n• router is down.\n\n✅ Over: core hangs (after 90 s)',
  );
});

test('what is only worth knowing is told once, when it is over', () => {
  const slept = { severity: 'info', phase: 'over', opened_at: at, closed_at: at + 3_600_000 } as const;
  assert.equal(
    wordsOf([{ ...slept, text: 'The machine slept for 60 min.' }], at),
    'ℹ️ The machine slept for 60 min.',
  );
});

test('more than six at once are a summary, the worst and the oldest of them first', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      phase: 'begun' as const,
      severity: n === 5 ? ('critical' as const) : ('warning' as const),
      text: `Thing ${n}: it is broken.`,
      opened_at: at - n,
      closed_at: null,
    }));
  assert.match(
    wordsOf(many(6), at),
    /^⚠️\n• Thing 5: it is broken\.\n• Thing 4: .*\n(•.*\n){3}• Thing 0: .*$/,
  );
  assert.equal(
    wordsOf(many(7), at),
    `⚠️ 7 at once, the worst first:
• Thing 5: it is broken.
• Thing 6: it is broken.
• Thing 4: it is broken.
• Thing 3: it is broken.
• Thing 2: it is broken.
• and 2 more: Thing 1; Thing 0`,
  );
  const [, last = ''] = wordsOf(many(60), at).split(' more: ');
  assert.equal(last.split(';').length, 12);
  assert.match(last, / …$/);
});

test('a reminder says for how long it goes on', () => {
  const one = {
    phase: 'reminder',
    severity: 'critical',
    text: 'core hangs: still.',
    closed_at: null,
  } as const;
  assert.equal(
    wordsOf([{ ...one, opened_at: at - 14_400_000 }], at),
    '⏰ Still: core hangs: still. (for 4 h)',
  );
});

test('there are buttons below what goes on, about all of it, and none below what is over', () => {
  const message = '019f0000-0000-7000-8000-000000000000';
  const data = (told: Parameters<typeof buttonsOf>[0]) =>
    buttonsOf(told, message)
      .flat()
      .map(({ data }) => data);
  assert.deepEqual(data([{ phase: 'over' }]), []);
  const buttons = data([{ phase: 'begun' }, { phase: 'over' }]);
  assert.deepEqual(buttons, [
    `alert:acknowledge:${message}`,
    `alert:silence:${message}:3600`,
    `alert:silence:${message}:86400`,
  ]);
  assert.deepEqual(data([{ phase: 'begun' }, { phase: 'reminder' }]), buttons);
  // Bot API: InlineKeyboardButton.
  for (const one of buttons) assert.ok(Buffer.byteLength(one) <= 64, one);
});
