import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesIn, type Known, type Line } from './statement.ts';

process.env.TZ = 'Europe/Berlin';

/** A Wednesday. */
const NOON = new Date(2026, 10, 18, 12).getTime();

const KNOWN: readonly Known[] = [
  { id: 1, kind: 'fact', slot: 'owner.city', text: 'I live in Berlin' },
  { id: 2, kind: 'fact', slot: 'owner.favourite_color', text: 'My favorite color is blue' },
  { id: 3, kind: 'fact', slot: 'owner.employer', text: 'I work at Siemens' },
  { id: 4, kind: 'fact', slot: 'owner.allergy.nuts', text: "I'm allergic to nuts" },
];

/** `kind slot: text @ day time`, or `-<id>` for what is taken back. */
function read(texts: readonly string[], before: readonly string[] = []): string[] {
  const line = (text: string, i: number): Line => ({ id: i + 1, text, at: NOON + i * 1000 });
  const lines = [...before, ...texts].map(line);
  const changes = changesIn(lines.slice(before.length), lines.slice(0, before.length), KNOWN);
  return changes.map((change) => {
    if (change.op !== 'add') return `-${change.memory_id}`;
    const due = change.due_at === null ? '' : ` @ ${local(change.due_at)}`;
    return `${change.kind} ${change.slot}: ${change.text}${due}`;
  });
}

function local(at: number): string {
  const time = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** What is said, and what is learnt from it; where the text is what was said, `=`. */
const STATED: readonly (readonly [string, ...string[]])[] = [
  ['My name is Anna Schmidt', 'fact owner.name: ='],
  ["I'm called Bo", 'fact owner.name: ='],
  ['Call me Al', 'preference owner.nickname: I want to be called Al'],
  ['I live in Rome', 'fact owner.city: ='],
  ['i live in berlin', 'fact owner.city: I live in berlin'],
  ['I currently live in New York', 'fact owner.city: ='],
  ["I'm based in Lisbon, by the way", "fact owner.city: I'm based in Lisbon, by the way"],
  ['I just moved to Lisbon!', 'fact owner.city: I just moved to Lisbon'],
  ['We moved from Berlin to Munich last year', 'fact owner.city: ='],
  ["Well, I've recently moved to Graz.", "fact owner.city: I've recently moved to Graz"],
  ['I work at Siemens as an engineer', 'fact owner.employer: ='],
  ['I joined Acme', 'fact owner.employer: ='],
  ['I work for the Red Cross', 'fact owner.employer: ='],
  ["I'm a software engineer", 'fact owner.job: ='],
  ['I work as a nurse', 'fact owner.job: ='],
  ["I'm vegan", 'preference owner.diet: ='],
  ['I am 34 years old', 'fact owner.age: ='],
  ["I'm from Norway", 'fact owner.origin: ='],
  ['I was born on May 3, 1990', 'fact owner.birthday: ='],
  ['I was born in Turin', 'fact owner.birthplace: ='],
  ['I drive a Fiat Panda', 'fact owner.car: ='],
  ['My birthday is May 3', 'fact owner.birthday: ='],
  ['my birthday is on the 3rd of May', 'fact owner.birthday: My birthday is on the 3rd of May'],
  ['my favorite color is green', 'fact owner.favourite_color: My favorite color is green'],
  ['My favourite band is Can', 'fact owner.favourite_band: ='],
  ['my phone number is +49 170 1234567', 'fact owner.phone: My phone number is +49 170 1234567'],
  ['my new number is 555-1234', 'fact owner.phone: My new number is 555-1234'],
  ['My email is a@b.example', 'fact owner.email: ='],
  ['My car is a 2019 Golf', 'fact owner.car: ='],
  ['My shoe size is 43', 'fact owner.shoe_size: ='],
  ['My timezone is CET', 'fact owner.time_zone: ='],
  ['my gym is McFit', 'fact owner.gym: My gym is McFit'],
  ['I changed my bank to N26', 'fact owner.bank: My bank is N26'],
  ['My doctor is Dr. Weber', 'fact owner.doctor: ='],
  ["I'm allergic to peanuts", 'fact owner.allergy.peanuts: ='],
  ['I have a nut allergy', 'fact owner.allergy.nut: ='],
  ['I really hate mushrooms', 'preference owner.taste.mushrooms: ='],
  ["I don't like loud music", 'preference owner.taste.loud_music: ='],
  ["I can't stand cilantro", 'preference owner.taste.cilantro: ='],
  ['I prefer window seats', 'preference owner.taste.window_seats: ='],
  ['I like to get up before everybody else does', 'preference null: ='],
  ['My wife is Eva', 'person owner.wife: ='],
  ['My wife Eva works at Bosch', 'person owner.wife: My wife is Eva'],
  ["my husband's name is Karl", "person owner.husband: My husband's name is Karl"],
  ['My son Tim is 5', 'person person.tim.relation: My son is Tim'],
  ["My daughter's name is Mia", 'person person.mia.relation: ='],
  ['We have a dog called Rex', 'person person.rex.relation: My dog is Rex'],
  ['My boss is Karl', 'person owner.boss: ='],
  ["My wife's birthday is June 4", 'person owner.wife.birthday: ='],
  ["Eva's phone number is 0170 55", 'person person.eva.phone: ='],
  ["I'm married to Eva", 'person owner.partner: ='],
  [
    'I live in Rome and my wife is Eva',
    'fact owner.city: I live in Rome',
    'person owner.wife: My wife is Eva',
  ],
  [
    'I like tea but I hate coffee',
    'preference owner.taste.tea: I like tea',
    'preference owner.taste.coffee: I hate coffee',
  ],
  [
    'Thanks! My name is Bo. I live in Cork.',
    'fact owner.name: My name is Bo',
    'fact owner.city: I live in Cork',
  ],
  ['I live in Oslo. Sorry, I live in Rome.', 'fact owner.city: I live in Rome'],

  ['Ich heiße Peter', 'fact owner.name: ='],
  ['Mein Name ist Peter Weiß', 'fact owner.name: ='],
  ['Ich wohne jetzt in Hamburg', 'fact owner.city: ='],
  ['ich lebe in köln', 'fact owner.city: Ich lebe in köln'],
  ['Übrigens, ich bin nach Wien gezogen', 'fact owner.city: Ich bin nach Wien gezogen'],
  ['Ich arbeite bei Siemens', 'fact owner.employer: ='],
  ['Ich arbeite als Pfleger', 'fact owner.job: ='],
  ['Ich bin Lehrerin', 'fact owner.job: ='],
  ['Ich bin Vegetarier', 'preference owner.diet: ='],
  ['Ich bin 40 Jahre alt', 'fact owner.age: ='],
  ['Ich komme aus Bern', 'fact owner.origin: ='],
  ['Ich bin gegen Nüsse allergisch', 'fact owner.allergy.nusse: ='],
  ['Ich bin allergisch gegen Katzen', 'fact owner.allergy.katzen: ='],
  ['Ich mag keinen Kaffee', 'preference owner.taste.kaffee: ='],
  ['Ich esse kein Fleisch', 'preference owner.taste.fleisch: ='],
  ['Ich liebe Jazz', 'preference owner.taste.jazz: ='],
  ['Meine Frau heißt Eva', 'person owner.wife: ='],
  ['Meine Frau Eva kommt auch', 'person owner.wife: Meine Frau heißt Eva'],
  ['Mein Sohn Tim ist 5', 'person person.tim.relation: Mein Sohn heißt Tim'],
  ['Wir haben einen Hund namens Rex', 'person person.rex.relation: ='],
  ['Mein Geburtstag ist am 3. Mai', 'fact owner.birthday: ='],
  ['Ich habe am 3. Mai Geburtstag', 'fact owner.birthday: ='],
  ['Meine Lieblingsfarbe ist Rot', 'fact owner.favourite_farbe: ='],
  ['Meine neue Handynummer ist 0170 12', 'fact owner.phone: ='],
  ['Mein Zahnarzt ist Dr. Kohl', 'fact owner.dentist: ='],
  ['Nenn mich Pit', 'preference owner.nickname: Ich möchte Pit genannt werden'],

  ['Remember that my locker code is 1234', 'fact null: My locker code is 1234'],
  ['please remember: the gate opens at 6', 'fact null: The gate opens at 6'],
  ['Remember that I live in Rome', 'fact owner.city: I live in Rome'],
  ['Note that perhaps the shop would close', 'fact null: Perhaps the shop would close'],
  ['Merk dir, dass der Schlüssel unter der Matte liegt', 'fact null: Der Schlüssel unter der Matte liegt'],
  ['Remember my password is hunter2', 'fact null: My password is hunter2'],

  ['Remind me to call mom by Friday', 'task null: Call mom @ 2026-11-20 09:00'],
  ['remind me tomorrow at 5pm to water the plants', 'task null: Water the plants @ 2026-11-19 17:00'],
  ['Can you remind me to pay rent on May 1st?', 'task null: Pay rent @ 2027-05-01 09:00'],
  ['remember to buy milk', 'task null: Buy milk'],
  [
    "Don't let me forget to renew the passport in two weeks",
    'task null: Renew the passport @ 2026-12-02 09:00',
  ],
  ['I have to finish the report by Monday', 'task null: Finish the report @ 2026-11-23 09:00'],
  [
    'I have a dentist appointment on May 3rd at 10:30',
    'event null: A dentist appointment @ 2027-05-03 10:30',
  ],
  ['On May 3rd I have a dentist appointment', 'event null: A dentist appointment @ 2027-05-03 09:00'],
  ['Erinnere mich morgen um 17 Uhr an den Müll', 'task null: Den Müll @ 2026-11-19 17:00'],
  ['Ich muss bis Freitag den Bericht abgeben', 'task null: Den Bericht abgeben @ 2026-11-20 09:00'],
  ['Am 3. Mai habe ich einen Zahnarzttermin', 'event null: Einen Zahnarzttermin @ 2027-05-03 09:00'],

  ["I don't live in Berlin anymore", '-1'],
  ['My favorite color is not blue', '-2'],
  ['I no longer work at Siemens', '-3'],
  ["I'm not allergic to nuts", '-4'],
  ['Ich wohne nicht mehr in Berlin', '-1'],
];

const UNSTATED: readonly string[] = [
  'Do I live in Berlin?',
  'My name is what?',
  'Where do I live',
  'is my birthday May 3',
  'Am I allergic to nuts?',
  'Wohne ich in Berlin?',
  'Weißt du, wo ich wohne',
  'If I lived in Rome, I would be happy',
  'If my name were Bob',
  'Suppose my name is Bob',
  "Let's say my budget is 500",
  'Imagine I work at NASA',
  'I wish my name was Bob',
  'Maybe I live in the wrong city',
  'I might move to Paris',
  'I would like some tea',
  'I could work at Google',
  'I used to live in Paris',
  'I think my name is overdue for a change',
  'Wenn ich in Berlin wohne, brauche ich ein Rad',
  'Ich hätte gern einen Hund namens Rex',
  'Vielleicht wohne ich bald in Rom',
  'She said "I live in Paris"',
  'She said I live in Paris',
  'He told me my name is Bob',
  'Translate: I live in Rome',
  '> I live in Paris',
  '```\nmy name is Bob\n```',
  'The form reads "my name is Bob", what now',
  'Sie sagt, ich wohne in Paris',
  'Eva lives in Rome',
  'You live in Rome',
  'My password is hunter2',
  'My PIN is 1234',
  'My credit card is 4111 1111',
  'my code is broken',
  'my car is broken',
  'My question is simple',
  'my train is late',
  'my phone is ringing',
  'My wife is tired',
  'my day is going well',
  'My point is that it rains',
  'Mein Auto ist kaputt',
  'I live in fear',
  'I live in a small flat',
  'I work at night',
  'I work for my brother',
  'I love it',
  'I like how you said that',
  'I hate that',
  'I like the second option',
  'I prefer the blue one',
  'I work for the money',
  'I love you',
  'I am tired',
  "I'm a bit late",
  'I have to go',
  'I have a question',
  'remember how we met',
  'Remember me',
  'Call me tomorrow',
  '/remember I live in Rome',
  "I don't live in Paris",
  'My favorite color is not red',
  'In my novel, my name is Bob',
  'thanks',
  '',
];

test('what the owner states of themselves is learnt, in English and German', () => {
  for (const [said, ...learnt] of STATED) {
    assert.deepEqual(
      read([said]),
      learnt.map((one) => one.replace('=', () => said)),
      said,
    );
  }
  assert.ok(STATED.length + UNSTATED.length >= 160);
});

test('what is asked, supposed, quoted, reported, secret or of the moment is not', () => {
  for (const said of UNSTATED) assert.deepEqual(read([said]), [], said);
});

test('a correction takes the place of what was said just before, or of what it names', () => {
  const cases: readonly (readonly [readonly string[], string, string | null])[] = [
    [['I live in Oslo'], "No, it's Rome", 'fact owner.city: I live in Rome'],
    [['I live in Oslo'], 'Sorry, I meant Rome', 'fact owner.city: I live in Rome'],
    [['I live in Oslo'], 'actually it is Rome now', 'fact owner.city: I live in Rome'],
    [['I live in Oslo'], 'No, not Oslo but Rome', 'fact owner.city: I live in Rome'],
    [['I live in Oslo'], "It's Rome, not Oslo", 'fact owner.city: I live in Rome'],
    [['I live in Oslo'], 'No, I live in Rome', 'fact owner.city: I live in Rome'],
    [['Ich wohne in Bonn'], 'Nein, es ist Ulm', 'fact owner.city: Ich wohne in Ulm'],
    [['Ich wohne in Bonn'], 'Nicht Bonn, sondern Ulm', 'fact owner.city: Ich wohne in Ulm'],
    [['My wife is Eva'], 'no, it is Ida', 'person owner.wife: My wife is Ida'],
    // Of what is known from long ago, by its old value.
    [[], 'not Berlin but Rome', 'fact owner.city: I live in Rome'],
    [[], "It's Bosch, not Siemens", 'fact owner.employer: I work at Bosch'],
    // Nothing that it could correct.
    [[], "No, it's Rome", null],
    [['How are you?'], "No, it's fine", null],
    [['I live in Oslo'], "No, it's fine", null],
    [['I live in Oslo'], "No, it's not working", null],
    [['I live in Oslo'], 'Is it Rome?', null],
    [['I live in Oslo', 'a', 'b', 'c', 'd'], "no, it's Rome", null],
    [['I live in Oslo'], 'not Paris but Rome', null],
  ];
  for (const [before, said, learnt] of cases) {
    const want = learnt === null ? [] : [learnt];
    assert.deepEqual(read([said], before), want, `${before.join(' / ')} / ${said}`);
    assert.deepEqual(read([...before, said]).at(-1) ?? null, learnt ?? read(before).at(-1) ?? null, said);
  }
});

test('every change cites its message, and its quote stands in it', () => {
  const text = 'Hello!  My name\nis  Bo, you know. I live in   Cork.';
  const [city] = changesIn([{ id: 7, text, at: NOON }], [], []);
  assert.deepEqual(city?.sources, [{ message_id: 7, quote: 'I live in   Cork' }]);
});
