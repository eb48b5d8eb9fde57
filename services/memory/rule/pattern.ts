/**
 * How people state what lasts, in English and German, as data: a form of a clause, and what it says. A clause comes without
 * its end mark and without words such as "well" or "übrigens" before it. First that fits, wins.
 */

import type { Memory } from '#shared/tables/memory.ts';
import { isKnown, ownerSlot, personSlot, relationOf } from '../slots.ts';

export type Groups = Readonly<Record<string, string | undefined>>;

export type Pattern = {
  /** One clause each; `(?<value>…)` is what a correction replaces. Where names must be told by their capitals: `exact`. */
  forms: readonly string[];
  exact?: true;
  kind: Memory['kind'];
  /** The slot, null: none; undefined: the form fits, and yet it says nothing that lasts. */
  slot(groups: Groups): string | null | undefined;
  /** What is remembered, where it is not the clause. */
  text?(groups: Groups): string;
  /** It says what is not so: whatever its slot holds is taken back, when it says `value`. */
  negates?: true;
};

const VALUE = '(?<value>[^,;:()]{1,80}?)';
/** What may follow a value without being part of it. */
const TAIL = String.raw`(?:\s+(?:now|nowadays|these days|at the moment|currently|already|again|as well|too|btw|by the way|since [^,]+|for [^,]+|with [^,]+|jetzt|inzwischen|mittlerweile|gerade|derzeit|übrigens|seit [^,]+|mit [^,]+))*(?:,.*)?$`;
const SOFT =
  '(?:(?:now|currently|actually|really|just|recently|finally|also|still|jetzt|inzwischen|mittlerweile|gerade|derzeit|aktuell|eigentlich|auch|nun) )*';
const I_AM = "(?:i am|i'm|im|ich bin)";
const NAME = String.raw`(?<value>\p{Lu}[\p{L}'-]+(?: \p{Lu}[\p{L}'-]+){0,2})`;

/** Where a name must be told by its capital letter, the words before it come in both cases. */
const MY = '(?:[Mm]y|[Oo]ur)';
const MEIN = '(?:[Mm]ein|[Uu]nser)';
const AM = "(?:[Ii] am|[Ii]'m|[Ii]m)";

/** No place, no firm, no thing: what can follow the same verbs. */
const VAGUE =
  /^(?:a|an|the|my|our|your|his|her|their|this|that|it|there|here|fear|hope|peace|denial|pain|constant|sin|ein|eine|einer|einem|einen|der|die|das|dem|den|meiner|meinem|unserer|angst|frieden|someone|home|myself|free|fun|night|weekends?)\b/i;
/** How something is just now, not what it is. */
const PASSING =
  /^(?:\p{L}+ing\b|not\b|no\b|broken|late|dead|dying|gone|here|there|ready|fine|ok|okay|good|bad|great|better|worse|sick|ill|tired|angry|upset|happy|sad|asleep|awake|away|out|in|on|at|off|very|so|too|really|pretty|quite|still|always|never|down|full|empty|slow|fast|hot|cold|wrong|right|correct|due|up|stuck|lost|back|close|near|busy|free|the best|the worst|a mess|a pain|kaputt|weg|krank|müde|da|hier|dort|fertig|gut|schlecht|super|toll|voll|leer|zu|sehr|schon|noch|wieder|nicht|kein|falsch|richtig|spät|tot|in|im|am|beim|bei)\b/iu;
/** What is nobody's to keep unasked. */
const SECRET =
  /\b(?:pass(?:word|wort|code|phrase)|kennwort|pin|puk|cvv|cvc|token|secret|api key|private key|iban|credit card|kreditkarte|ssn|social security|tan)\b/i;
/** What is liked just now, of what lies before them. */
const NO_TASTE =
  /^(?:it|that|this|these|those|you|your|him|her|them|us|how|what|when|where|the idea|the way|the (?:first|second|third|last|latter|other|next|new|old|current)|(?:the|your|this) \p{L}+ (?:one|option|version|draft|solution|approach|title|design)|to (?:know|see|think|ask|say|hear|thank)|es|das|dich|dir|dein|wie|was|wenn|die idee|ihn|sie)\b/iu;
/** Things of the moment that people talk about as theirs. */
const TALK =
  /\b(?:question|problem|point|guess|idea|plan|issue|opinion|answer|concern|worry|fault|mistake|bad|goal|understanding|impression|feeling|feelings|mood|frage|problem|punkt|idee|plan|meinung|antwort|eindruck|fehler|schuld|ziel|gefühl|tag|day|week|weekend|life|train|flight|order|package|code|build|head|back|stomach)$/i;

const place =
  (slot: string) =>
  ({ value = '' }: Groups) =>
    VAGUE.test(value) && !/^the \p{Lu}/u.test(value) ? undefined : slot;

/** Of a thing of the owner's: its slot where there is one, or where the value is a name or a number. */
function thing({ thing = '', value = '' }: Groups): string | undefined {
  if (SECRET.test(thing) || PASSING.test(value) || value.split(' ').length > 10) return undefined;
  if (isKnown(thing)) return ownerSlot(thing);
  if (relationOf(thing) || TALK.test(thing)) return undefined;
  return /^["'“„]?[\p{Lu}\d]/u.test(value) ? ownerSlot(thing) : undefined;
}

/** Of a person of the owner's; of those whom one may have several of, each is known by name. */
function person({ who = '', value = '' }: Groups): string | undefined {
  const found = relationOf(who);
  if (!found || /^(?:I|The|It|He|She|We|Is|Ist|Hat|And|Und)$/.test(value)) return undefined;
  return found.several ? personSlot(value, 'relation') : ownerSlot(found.relation);
}

function ofPerson({ who = '', thing: what = '', value = '' }: Groups): string | null | undefined {
  if (SECRET.test(what) || PASSING.test(value)) return undefined;
  const found = relationOf(who);
  if (!isKnown(what)) return undefined;
  if (found)
    return found.several ? null : `${ownerSlot(found.relation)}.${ownerSlot(what).slice('owner.'.length)}`;
  return /^\p{Lu}/u.test(who) ? personSlot(who, what) : undefined;
}

/** Of likes and dislikes: the same thing, liked and then not, has one slot. */
function taste({ value = '' }: Groups): string | null | undefined {
  if (NO_TASTE.test(value)) return undefined;
  const few = value.replace(/^(?:the|a|an|my|der|die|das|den|drinking|eating) /i, '');
  return few.split(' ').length <= 3 ? `owner.taste.${ownerSlot(few).slice('owner.'.length)}` : null;
}

const allergy = ({ value = '' }: Groups) => `owner.allergy.${ownerSlot(value).slice('owner.'.length)}`;
const NO_MORE = '(?: any ?more| any longer)?';
const THING = '(?<thing>[\\p{L}][\\p{L} -]{1,40}?)';
const DIETS =
  'vegan|veganer(?:in)?|vegetarian|vegetarier(?:in)?|pescatarian|gluten[- ]free|lactose intolerant|laktoseintolerant';
const fixed = (slot: string | null) => () => slot;

const VERBS =
  "(?:like|love|enjoy|adore|prefer|hate|dislike|detest|loathe|can't stand|cannot stand|don't like|do not like|dont like|don't eat|do not eat|don't drink|do not drink|never eat|never drink|no longer like|no longer eat|no longer drink)";
const WORKS =
  'engineer|developer|programmer|designer|teacher|nurse|doctor|lawyer|architect|student|writer|journalist|photographer|carpenter|electrician|plumber|chef|cook|pilot|scientist|researcher|professor|accountant|consultant|manager|dentist|pharmacist|musician|artist|actor|farmer|baker|driver|paramedic|firefighter|therapist|psychologist|translator|librarian|mechanic|salesman|entrepreneur|founder|freelancer|retiree|pensioner';
const BERUFE =
  'Ingenieurs?|Ingenieurin|Entwickler(?:in)?|Lehrer(?:in)?|Arzt|Ärztin|Anwalt|Anwältin|Architekt(?:in)?|Student(?:in)?|Journalist(?:in)?|Koch|Köchin|Pfleger(?:in)?|Informatiker(?:in)?|Designer(?:in)?|Musiker(?:in)?|Rentner(?:in)?|Berater(?:in)?|Tischler(?:in)?|Elektriker(?:in)?|Fotograf(?:in)?|Physiker(?:in)?|Psychologe|Psychologin|Übersetzer(?:in)?';

/** In this order; the first that fits wins, also where its slot then says that it is nothing that lasts. */
const TABLE: readonly Pattern[] = [
  // What is not so any more.
  {
    kind: 'fact',
    slot: fixed('owner.city'),
    negates: true,
    forms: [
      `i (?:no longer|don't|do not|dont) (?:live|stay) in ${VALUE}${NO_MORE}$`,
      `ich (?:wohne|lebe) nicht (?:mehr )?in ${VALUE}$`,
    ],
  },
  {
    kind: 'fact',
    slot: fixed('owner.employer'),
    negates: true,
    forms: [
      `i (?:no longer|don't|do not|dont) work (?:at|for) ${VALUE}${NO_MORE}$`,
      `ich arbeite nicht (?:mehr )?(?:bei|für) ${VALUE}$`,
    ],
  },
  {
    kind: 'fact',
    slot: allergy,
    negates: true,
    forms: [
      `${I_AM} (?:not|no longer) allergic to ${VALUE}${NO_MORE}$`,
      `ich bin nicht (?:mehr )?(?:allergisch )?(?:gegen|auf) ${VALUE}(?: allergisch)?$`,
    ],
  },
  {
    kind: 'fact',
    slot: ({ thing: what = '' }) => ownerSlot(what),
    negates: true,
    forms: [
      `my ${THING} (?:is not|isn't|is no longer) ${VALUE}${NO_MORE}$`,
      `mein(?:e|er)? ${THING} ist (?:nicht|kein|keine) (?:mehr )?${VALUE}(?: mehr)?$`,
    ],
  },

  // Where the owner is, and what they do.
  {
    kind: 'fact',
    slot: place('owner.city'),
    forms: [
      `i ${SOFT}(?:live|reside) ${SOFT}in ${VALUE}${TAIL}`,
      `${I_AM} ${SOFT}(?:living|based|residing) in ${VALUE}${TAIL}`,
      `(?:i|we)(?:'ve| have)? ${SOFT}(?:moved|relocated) (?:from [^,]{1,40} )?to ${VALUE}(?: (?:last|this) \\p{L}+)?${TAIL}`,
      `ich (?:wohne|lebe) ${SOFT}in ${VALUE}${TAIL}`,
      `(?:ich bin|wir sind) ${SOFT}(?:von \\p{L}+ )?nach ${VALUE} (?:um)?gezogen$`,
    ],
  },
  {
    kind: 'fact',
    slot: place('owner.employer'),
    forms: [
      `i ${SOFT}work (?:at|for) ${VALUE}(?: as .*)?${TAIL}`,
      `i(?:'ve| have)? ${SOFT}(?:joined|started (?:working )?at|switched (?:jobs )?to) ${VALUE}(?: as .*)?${TAIL}`,
      `ich arbeite ${SOFT}(?:bei|für) ${VALUE}${TAIL}`,
    ],
  },
  {
    kind: 'fact',
    slot: fixed('owner.job'),
    forms: [
      `i ${SOFT}work as (?:an? )?${VALUE}${TAIL}`,
      `${I_AM} ${SOFT}an? (?<value>(?:[\\p{L}-]+ ){0,2}(?:${WORKS}))${TAIL}`,
      `ich arbeite ${SOFT}als ${VALUE}${TAIL}`,
      `ich bin ${SOFT}(?<value>(?:\\p{L}+ )?(?:${BERUFE}))${TAIL}`,
    ],
  },
  {
    kind: 'preference',
    slot: fixed('owner.diet'),
    forms: [`${I_AM} ${SOFT}(?:an? |eine? )?(?<value>${DIETS})${TAIL}`],
  },
  {
    kind: 'fact',
    slot: fixed('owner.age'),
    forms: [`${I_AM} ${SOFT}(?<value>\\d{1,3})(?: years old| jahre alt)$`],
  },
  {
    kind: 'fact',
    slot: place('owner.origin'),
    forms: [`${I_AM} (?:originally )?from ${VALUE}${TAIL}`, `ich komme (?:ursprünglich )?aus ${VALUE}$`],
  },
  {
    kind: 'fact',
    slot: fixed('owner.birthday'),
    forms: [
      'i was born (?:on|in) (?<value>(?:[^,]*\\d[^,]*(?:, ?\\d{4})?))$',
      'ich bin am (?<value>.*\\d.*) geboren$',
      'ich habe am (?<value>.*\\d.*) geburtstag$',
    ],
  },
  {
    kind: 'fact',
    slot: place('owner.birthplace'),
    forms: [`i was born in ${VALUE}$`, `ich bin in ${VALUE} geboren$`],
  },
  {
    kind: 'fact',
    slot: fixed('owner.car'),
    forms: [`i ${SOFT}drive an? ${VALUE}${TAIL}`, `ich fahre ${SOFT}einen? (?<value>\\p{Lu}[^,]*)$`],
  },
  {
    kind: 'preference',
    slot: fixed('owner.nickname'),
    exact: true,
    forms: [`[Cc]all me ${NAME}$`],
    text: ({ value = '' }) => `I want to be called ${value}`,
  },
  {
    kind: 'preference',
    slot: fixed('owner.nickname'),
    exact: true,
    forms: [`[Nn]enne? mich (?:bitte )?${NAME}$`],
    text: ({ value = '' }) => `Ich möchte ${value} genannt werden`,
  },
  {
    kind: 'fact',
    slot: fixed('owner.name'),
    exact: true,
    forms: [`[Ii]ch heiße ${NAME}$`, `${AM} (?:called|named) ${NAME}$`],
  },
  { kind: 'person', slot: fixed('owner.partner'), exact: true, forms: [`${AM} married to ${NAME}`] },

  // Allergies and tastes.
  {
    kind: 'fact',
    slot: allergy,
    forms: [
      `${I_AM} ${SOFT}(?:severely |highly |very |a bit )?allergic to ${VALUE}${TAIL}`,
      `i (?:have|'ve got|have got) an? (?:severe |bad )?${VALUE} allergy$`,
      `ich bin ${SOFT}(?:stark )?allergisch (?:gegen|auf) ${VALUE}$`,
      `ich bin ${SOFT}(?:gegen|auf) ${VALUE} allergisch$`,
    ],
  },
  {
    kind: 'preference',
    slot: taste,
    forms: [
      `i ${SOFT}(?:absolutely |totally |very much )?${VERBS} ${VALUE}(?: very much| a lot| so much)?${NO_MORE}${TAIL}`,
      `ich (?:mag|liebe|hasse|bevorzuge|verabscheue) ${SOFT}(?:keinen? |kein )?${VALUE}(?: nicht)?(?: (?:sehr|gern|gerne|mehr))*$`,
      `ich (?:esse|trinke) ${SOFT}(?:keinen?|kein|gern|gerne|nie|niemals|am liebsten) (?:mehr )?${VALUE}(?: mehr)?$`,
    ],
  },

  // People.
  {
    kind: 'person',
    slot: person,
    exact: true,
    forms: [
      `${MY} (?<who>\\p{L}+(?: friend)?)(?:['’]s name is| is called| is named| is) ${NAME}$`,
      `${MEIN}e? (?<who>\\p{L}+(?: Freund)?) (?:heißt|ist) ${NAME}$`,
      `(?:[Ii]ch habe|[Ww]ir haben) eine?n? (?<who>\\p{L}+) namens ${NAME}$`,
    ],
  },
  {
    kind: 'person',
    slot: person,
    exact: true,
    forms: [
      `${MY} (?<who>\\p{L}+(?: friend)?),? ${NAME}(?=,| |$)`,
      `(?:[Ii]|[Ww]e)(?: have|'ve got| have got) an? (?<who>\\p{L}+) (?:called|named) ${NAME}$`,
    ],
    text: ({ who = '', value = '' }) => `My ${who} is ${value}`,
  },
  {
    kind: 'person',
    slot: person,
    exact: true,
    forms: [`[Mm]ein(?<e>e?) (?<who>\\p{Lu}\\p{Ll}+),? ${NAME}(?=,| |$)`],
    text: ({ e = '', who = '', value = '' }) => `Mein${e} ${who} heißt ${value}`,
  },
  {
    kind: 'person',
    slot: ofPerson,
    exact: true,
    forms: [
      `[Mm]y (?<who>\\p{L}+)['’]s ${THING} is ${SOFT}(?:on )?${VALUE}$`,
      `(?<who>\\p{Lu}\\p{L}+)['’]s ${THING} is ${SOFT}(?:on )?${VALUE}$`,
    ],
  },

  // Whatever is the owner's.
  {
    kind: 'fact',
    slot: thing,
    forms: [
      `my (?:new )?${THING} (?:is|=|has changed to|changed to) ${SOFT}(?:on |called )?${VALUE}${TAIL}`,
      `mein(?:e|er)? (?:neue[rs]? )?${THING} (?:ist|lautet) ${SOFT}(?:am )?${VALUE}$`,
    ],
  },
  {
    kind: 'fact',
    slot: thing,
    forms: [`i(?:'ve| have)? (?:just )?changed my ${THING} to ${VALUE}${TAIL}`],
    text: ({ thing: what = '', value = '' }) => `My ${what} is ${value}`,
  },
];

export const PATTERNS = TABLE.flatMap(({ forms, ...says }) =>
  forms.map((form) => ({ ...says, form: new RegExp(`^${form}`, says.exact ? 'u' : 'iu') })),
);
