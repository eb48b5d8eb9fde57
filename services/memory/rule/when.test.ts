import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whenIn } from './when.ts';

process.env.TZ = 'Europe/Berlin';

/** A Wednesday. */
const SAID = new Date(2026, 10, 18, 12).getTime();

const at = (text: string, said = SAID) => {
  const found = whenIn(text, said);
  return found && new Date(found.at).toLocaleString('sv-SE').slice(0, 16);
};

test('dates and hours are read as people write them, from the moment at which they were said', () => {
  const cases: Record<string, string | null> = {
    'by Friday': '2026-11-20 09:00',
    'on Wednesday': '2026-11-25 09:00',
    'next Thursday at noon': '2026-11-19 12:00',
    'bis Montag': '2026-11-23 09:00',
    today: '2026-11-18 09:00',
    'today at 18:30': '2026-11-18 18:30',
    tonight: '2026-11-18 20:00',
    'heute Abend': '2026-11-18 20:00',
    tomorrow: '2026-11-19 09:00',
    'tomorrow at 5pm': '2026-11-19 17:00',
    'tomorrow at 12am': '2026-11-19 00:00',
    'morgen um 17 Uhr': '2026-11-19 17:00',
    'the day after tomorrow': '2026-11-20 09:00',
    übermorgen: '2026-11-20 09:00',
    'in 3 days': '2026-11-21 09:00',
    'in two weeks': '2026-12-02 09:00',
    'in einer Woche': '2026-11-25 09:00',
    'in 20 minutes': '2026-11-18 12:20',
    'in 2 Stunden': '2026-11-18 14:00',
    'in a month': '2026-12-18 09:00',
    'next week': '2026-11-25 09:00',
    'on May 3rd': '2027-05-03 09:00',
    'May 3, 2028': '2028-05-03 09:00',
    'the 3rd of May at 10:15': '2027-05-03 10:15',
    'on Nov 18': '2026-11-18 09:00',
    'Nov 17': '2027-11-17 09:00',
    'am 3. Mai': '2027-05-03 09:00',
    'am 24.12.': '2026-12-24 09:00',
    'am 03.05.2028 um 8 Uhr': '2028-05-03 08:00',
    '2026-12-01 16:45': '2026-12-01 16:45',
    'at 3pm': '2026-11-18 15:00',
    'at 9 am': '2026-11-19 09:00',
    'at 7': '2026-11-19 07:00',
    'um 13:00': '2026-11-18 13:00',
    'guten Morgen': null,
    'on April 31': null,
    'version 3.5 of it': null,
    'it may be': null,
    'whenever you like': null,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(at(text), expected, text);
});

test('a day is a day of the owner, over a change of the clock too', () => {
  const saturday = new Date(2026, 9, 24, 23, 30).getTime();
  assert.equal(at('tomorrow at 9:00', saturday), '2026-10-25 09:00');
  assert.equal(at('in 4 hours', saturday), '2026-10-25 02:30');
});

test('what is said besides the time is what remains', () => {
  assert.equal(whenIn('call mom by Friday at 5pm', SAID)?.rest, 'call mom');
  assert.equal(whenIn('bis Freitag den Bericht abgeben', SAID)?.rest, 'den Bericht abgeben');
});
