/**
 * The stem of an English word after Porter ("An algorithm for suffix stripping", 1980): what the index's own stemmer makes
 * of it, near enough to count what stands where in a text. Other languages' words mostly stay as they are.
 */

const CONSONANT = '(?:[^aeiouy]|(?<=^|[aeiou])y)';
const VOWEL = '(?:[aeiou]|(?<=[^aeiou])y)';
const SEQUENCE = `^${CONSONANT}*(?:${VOWEL}+${CONSONANT}+)`;
/** How often a vowel is followed by a consonant in what comes before the suffix. */
const ONCE = new RegExp(SEQUENCE);
const EXACTLY_ONCE = new RegExp(`${SEQUENCE}${VOWEL}*$`);
const TWICE = new RegExp(`${SEQUENCE}(?:${VOWEL}+${CONSONANT}+)`);
const HAS_VOWEL = new RegExp(VOWEL);
const ENDS_SHORT = new RegExp(`${CONSONANT}${VOWEL}[^aeiouwxy]$`);
const ENDS_DOUBLE = /([^aeioulsz])\1$/;

/** Suffixes that make one kind of word of another; and those that are left away where enough stays. */
const CHANGES: readonly (readonly [RegExp, Readonly<Record<string, string>>])[] = [
  [
    /(ational|tional|enci|anci|izer|bli|alli|entli|eli|ousli|ization|ation|ator|alism|iveness|fulness|ousness|aliti|iviti|biliti|logi)$/,
    {
      ational: 'ate',
      tional: 'tion',
      enci: 'ence',
      anci: 'ance',
      izer: 'ize',
      bli: 'ble',
      alli: 'al',
      entli: 'ent',
      eli: 'e',
      ousli: 'ous',
      ization: 'ize',
      ation: 'ate',
      ator: 'ate',
      alism: 'al',
      iveness: 'ive',
      fulness: 'ful',
      ousness: 'ous',
      aliti: 'al',
      iviti: 'ive',
      biliti: 'ble',
      logi: 'log',
    },
  ],
  [
    /(icate|ative|alize|iciti|ical|ful|ness)$/,
    { icate: 'ic', ative: '', alize: 'al', iciti: 'ic', ical: 'ic', ful: '', ness: '' },
  ],
];
const LEFT_AWAY =
  /(?:al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|(?<=[st])ion|ou|ism|ate|iti|ous|ive|ize)$/;

export function stemOf(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word;
  let stem = word.replace(/(ss|i)es$/, '$1').replace(/([^s])s$/, '$1');
  if (/eed$/.test(stem)) {
    if (ONCE.test(stem.slice(0, -3))) stem = stem.slice(0, -1);
  } else {
    const rest = stem.replace(/(?:ed|ing)$/, '');
    if (rest !== stem && HAS_VOWEL.test(rest)) {
      stem = rest;
      if (/(?:at|bl|iz)$/.test(stem)) stem += 'e';
      else if (ENDS_DOUBLE.test(stem)) stem = stem.slice(0, -1);
      else if (EXACTLY_ONCE.test(stem) && ENDS_SHORT.test(stem)) stem += 'e';
    }
  }
  if (/y$/.test(stem) && HAS_VOWEL.test(stem.slice(0, -1))) stem = `${stem.slice(0, -1)}i`;
  for (const [suffix, becomes] of CHANGES) {
    const found = suffix.exec(stem)?.[0] ?? '';
    const rest = stem.slice(0, stem.length - found.length);
    if (found && ONCE.test(rest)) stem = rest + becomes[found];
  }
  const cut = stem.replace(LEFT_AWAY, '');
  if (cut !== stem && TWICE.test(cut)) stem = cut;
  if (/e$/.test(stem)) {
    const rest = stem.slice(0, -1);
    if (TWICE.test(rest) || (EXACTLY_ONCE.test(rest) && !ENDS_SHORT.test(rest))) stem = rest;
  }
  if (/ll$/.test(stem) && TWICE.test(stem)) stem = stem.slice(0, -1);
  return stem;
}
