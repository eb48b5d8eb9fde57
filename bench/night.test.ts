import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noClock } from '#shared/testing/wall-clock.ts';
import { night } from './night.ts';

const HOUR_ms = 3_600_000;
/** The steps of the clock, which are no sleep: each service sees them at a time of its own. */
const STEP = /^(ℹ️|✅ Over:) The machine slept/;

describe('a night', { skip: noClock, concurrency: true }, () => {
  for (const [season, hours] of [
    ['autumn', ['01:00', '02:00', '03:00', '04:00', '05:00', '06:00']],
    ['spring', ['01:00', '03:00', '04:00', '05:00', '06:00']],
  ] as const) {
    it(`in ${season} passes as it should, in a house that sleeps from one to six`, async () => {
      const { slots, heard, incidents, canaries, backups, midnight, six_at } = await night(season, 120);
      const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', timeStyle: 'short' });
      const of = (job: string, from = midnight + 1.2 * HOUR_ms, to = six_at) =>
        slots.filter((one) => one.job === job && one.due_at > from && one.due_at <= to);
      const times = (some: typeof slots) => some.map(({ due_at }) => wall.format(due_at));

      // The hour that is left out moves on, the hour that is repeated counts once.
      const half = of('half past two');
      assert.deepEqual([times(half), half[0]?.state], [[season === 'autumn' ? '02:30' : '03:30'], 'done']);
      const all = of('all of them');
      assert.deepEqual(times(all), hours.slice(1));
      assert.ok(all.every(({ state }) => state === 'done'));
      assert.ok(
        of('none of them')
          .slice(0, -1)
          .every(({ reason }) => reason?.startsWith('missed')),
      );
      const quarters = of('quarters');
      assert.equal(quarters.length, ((six_at - midnight) / HOUR_ms - 1) * 4, 'an interval knows no clocks');
      assert.equal(quarters.filter(({ state }) => state === 'done').length, 1, 'one stands for those missed');
      assert.ok(slots.every(({ state }) => state === 'done' || state === 'skipped'));
      assert.equal(new Set(slots.map(({ job, due_at }) => `${job} ${due_at}`)).size, slots.length);

      // By night only what was asked for and what is critical is heard; the rest is one message.
      const words = heard.map(({ at, text }) => [wall.format(at), text.split('\n', 1)[0]]);
      const morning = heard.findIndex(({ text }) => text.includes('could wait'));
      const [reminders = [], by_night = []] = [true, false].map((still) =>
        heard
          .slice(0, morning)
          .map(({ text }) => text)
          .filter((text) => text.startsWith('⏰ Still: ') === still),
      );
      // Nobody has looked after it for eight hours.
      assert.equal(reminders.length, 1);
      assert.match(reminders[0] ?? '', /^⏰ Still: This is critical\. \(for [68] h\)$/);
      assert.deepEqual(by_night, ['I am here', '⚠️ This is critical.', 'I am here'], JSON.stringify(words));
      assert.equal(wall.format(heard[morning]?.at), '07:30');
      for (const word of ['the evening word', 'the night word', 'This is warning']) {
        assert.ok(heard[morning]?.text.includes(word), word);
      }
      assert.equal(
        heard.filter(({ at, text }) => wall.format(at) === '07:30' && !STEP.test(text)).length,
        1,
        JSON.stringify(words),
      );

      // Nobody is taken for dead who has slept.
      const others = incidents.filter(({ service, cause }) => service !== 'core' && cause !== 'sleep');
      assert.deepEqual(
        others.map(({ text }) => text),
        [],
      );
      assert.deepEqual(canaries.others, 0);
      assert.ok(canaries.answered >= 2, String(canaries.answered));

      const slept = backups.filter(({ made_at }) => made_at >= six_at && made_at < six_at + 0.1 * HOUR_ms);
      assert.deepEqual(slept.map(({ job }) => job).toSorted(), ['daily backup', 'hourly backup']);
      assert.deepEqual(
        of('prune').map(({ state }) => state),
        ['done'],
      );
    });
  }
});
