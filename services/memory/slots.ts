/**
 * Slots: what a memory is a value of. Of each one value is in force, so that a new one takes the place of the old; hence one
 * name for each, however it is called. What one may have several of (children, friends, hobbies) has no slot of its own.
 */

/** By their usual name; what else each is called, in English and German. */
const NAMES: Readonly<Record<string, string>> = {
  name: 'first name, full name, vorname, namens',
  nickname: 'nick name, spitzname',
  city: 'home city, hometown, home town, town, residence, place of residence, wohnort, stadt, heimatstadt, location',
  country: 'land, heimatland, home country',
  address: 'home address, adresse, anschrift, postal address',
  employer: 'company, firm, firma, arbeitgeber, workplace, arbeitsplatz',
  job: 'occupation, profession, beruf, job title, position, role, work, arbeit',
  boss: 'manager, chef, chefin, vorgesetzter, supervisor',
  birthday: 'birth day, birthdate, birth date, date of birth, geburtstag, geburtsdatum',
  age: 'alter',
  email:
    'e mail, mail, email address, e mail address, mail address, e mail adresse, emailadresse, mailadresse',
  phone:
    'phone number, telephone, telephone number, mobile, mobile number, cell, cell phone, telefon, telefonnummer, handynummer, nummer, number',
  wife: 'frau, ehefrau',
  husband: 'mann, ehemann',
  partner: 'partnerin, lebensgefährte, lebensgefährtin',
  girlfriend: 'freundin',
  boyfriend: 'fester freund',
  fiance: 'fiancé, fiancée, fiancee, verlobter, verlobte',
  mother: 'mom, mum, mutter, mama',
  father: 'dad, vater, papa',
  language: 'native language, mother tongue, muttersprache, sprache',
  time_zone: 'timezone, zeitzone',
  car: 'auto, wagen',
  phone_model: 'smartphone, handy',
  laptop: 'computer, notebook, rechner',
  height: 'größe, körpergröße',
  weight: 'gewicht',
  shoe_size: 'schuhgröße',
  blood_type: 'blood group, blutgruppe',
  doctor: 'gp, family doctor, arzt, ärztin, hausarzt, hausärztin',
  dentist: 'zahnarzt, zahnärztin',
  bank: 'hausbank',
  landlord: 'vermieter, vermieterin',
  school: 'schule',
  university: 'uni, college, universität, hochschule',
  license_plate: 'licence plate, number plate, kennzeichen, nummernschild',
};

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMES).flatMap(([name, others]) =>
    [name, ...others.split(', ')].map((one): [string, string] => [plain(one), name]),
  ),
);

/** People of whom one may have several: each is known by name. */
const SEVERAL: ReadonlyMap<string, string> = new Map(
  Object.entries({
    son: 'sohn',
    daughter: 'tochter',
    child: 'kid, kind',
    brother: 'bruder',
    sister: 'schwester',
    friend: 'kumpel',
    best_friend: 'best friend, bester freund, beste freundin',
    cousin: 'cousine, vetter',
    uncle: 'onkel',
    aunt: 'tante',
    nephew: 'neffe',
    niece: 'nichte',
    grandson: 'enkel',
    granddaughter: 'enkelin',
    grandmother: 'grandma, oma, großmutter',
    grandfather: 'grandpa, opa, großvater',
    colleague: 'coworker, kollege, kollegin',
    neighbour: 'neighbor, nachbar, nachbarin',
    dog: 'hund, hündin',
    cat: 'katze, kater',
  }).flatMap(([name, others]) =>
    [name, ...others.split(', ')].map((one): [string, string] => [plain(one), name]),
  ),
);
const ONE = new Set([
  'wife',
  'husband',
  'partner',
  'girlfriend',
  'boyfriend',
  'fiance',
  'mother',
  'father',
  'boss',
]);

/** The relation that a word names, and whether one may have several; null: it names none. */
export function relationOf(word: string): { relation: string; several: boolean } | null {
  const several = SEVERAL.get(plain(word));
  if (several) return { relation: several, several: true };
  const one = ALIASES.get(plain(word));
  return one !== undefined && ONE.has(one) ? { relation: one, several: false } : null;
}

/** Whether of such a thing there is but one: `phone number` is, `question` is none. */
export function isKnown(thing: string): boolean {
  return ALIASES.has(plain(thing)) || /^(favou?rite|lieblings)/i.test(thing);
}

/** The slot of a thing of the owner's: `phone number` → `owner.phone`. */
export function ownerSlot(thing: string): string {
  return slotOf(`owner.${thing.replaceAll('.', ' ')}`) ?? 'owner.thing';
}

/** The slot of what is said of a person: `Anna`, `birthday` → `person.anna.birthday`. */
export function personSlot(name: string, thing: string): string {
  return (
    slotOf(`person.${name.replaceAll('.', ' ')}.${thing.replaceAll('.', ' ')}`) ?? 'person.somebody.thing'
  );
}

const SHAPE = /^[a-z0-9_]+(\.[a-z0-9_]+){1,3}$/;

/** A slot by its usual name, whoever wrote it down; null: it cannot be one. */
export function slotOf(name: string): string | null {
  const parts = name.split('.').map(plain);
  const last = parts.at(-1) ?? '';
  // A person's own name is not the name of a thing.
  const usual = parts.length > 1 ? [...parts.slice(0, -1), ALIASES.get(last) ?? last] : parts;
  if (usual[0] === 'user' || usual[0] === 'me' || usual[0] === 'ich') usual[0] = 'owner';
  const slot = usual
    .join('.')
    .replace(/\bfavorite/g, 'favourite')
    .replace(/\blieblings_?/g, 'favourite_');
  return SHAPE.test(slot) && slot.length <= 80 ? slot : null;
}

/** Small letters, digits and `_`. */
function plain(word: string): string {
  return word
    .normalize('NFKD')
    .replace(/ß/g, 'ss')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
}
