/**
 * Takes secrets out of text on its way to a log, a row, an alert, a reply or a page.
 *
 * First by value: every secret the process holds, wherever it turns up and however it was encoded on the way, be it
 * in JSON (at any depth of nesting), in a URL, or in base64, alone or inside something longer (`user:password`).
 * Then by shape: what looks like a key of a known kind, for secrets that nobody told us about.
 *
 * Scrubbed JSON is still JSON. A value shorter than six characters is not looked for: it would shred the text and
 * hide nothing. No text is doubled in length by it.
 */

export type Scrub = ((text: string) => string) & {
  /** Takes out these values too, from now on. */
  add(secrets: Iterable<string>): void;
};

const SHORTEST_SECRET = 6;
const MARK = '[scrubbed]';

export function scrubber(secrets: Iterable<string> = []): Scrub {
  const known = new Set<string>();
  let values: RegExp | undefined;

  function add(more: Iterable<string>): void {
    for (const secret of more) {
      const value = secret.trim().toWellFormed();
      if (value.length >= SHORTEST_SECRET) known.add(value);
    }
    // The longest first, or a secret that begins with another one would keep its tail.
    const longest = [...known].sort((a, b) => b.length - a.length);
    if (longest.length > 0) values = new RegExp(longest.flatMap(patternsOf).join('|'), 'g');
  }

  function scrub(text: string): string {
    const unknown = values ? text.replace(values, markOf) : text;
    return unknown.replace(shapes, `$1$2$3${MARK}`);
  }

  add(secrets);
  return Object.assign(scrub, { add });
}

/**
 * After a backslash the first letter of a match may belong to a JSON escape (`\n` before `ame…`): leave a letter, or
 * the line is no JSON any more.
 */
function markOf(match: string, offset: number, text: string): string {
  return text[offset - 1] === '\\' && /^[bfnrtu]/.test(match) ? `n${MARK}` : MARK;
}

/** The patterns of one secret: its text, and its base64 at each of the three places where it can begin in a triple. */
function patternsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // Only the digits whose six bits are all the secret's own: the others depend on the neighbours.
    return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
  return [
    Array.from(secret, characterPattern).join(''),
    ...base64.map((text) => Array.from(text, base64Pattern).join('')),
  ];
}

/** A character as it may stand in text: itself, escaped in JSON (nested up to three deep), or percent-encoded. */
function characterPattern(character: string): string {
  if (/[A-Za-z0-9]/.test(character)) return character;
  const units = character.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'));
  const bytes = Buffer.from(character).toString('hex').match(/../g) ?? [];
  const forms = [
    `${'"\\/'.includes(character) ? '\\\\{0,7}' : ''}${units.map((unit) => `\\u${unit}`).join('')}`,
    units.map((unit) => `\\\\{1,7}u${anyCase(unit)}`).join(''),
    bytes.map((byte) => `%(?:25){0,2}${anyCase(byte)}`).join(''),
  ];
  const short = /^"\\([bfnrt])"$/.exec(JSON.stringify(character));
  if (short) forms.push(`\\\\{1,7}${short[1]}`);
  if (character === ' ') forms.push('\\+');
  return `(?:${forms.join('|')})`;
}

/** base64url writes `-` and `_` where base64 writes `+` and `/`. */
function base64Pattern(digit: string): string {
  const twin = { '+': '-', '/': '_' }[digit];
  return twin ? `(?:${characterPattern(digit)}|${twin})` : digit;
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/** A key begins here: not within a longer word, save where that word's end is a JSON escape or a percent-encoding. */
const START = /(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]|%[0-9A-F]{2}))/.source;

/**
 * What stands in parentheses is kept. Every run is bounded or begins at a START, so that no text takes long; none is
 * so short that the mark in its place could double the text.
 */
const shapes = new RegExp(
  [
    /\d{6,20}(?::|%3A)[A-Za-z0-9_-]{30,}/.source, // Telegram bot token
    START + /sk-[A-Za-z0-9_-]{16,}/.source, // Anthropic, OpenAI and those who follow them
    /gh[a-z]_[A-Za-z0-9]{20,}|github_pat_\w{20,}/.source,
    /xox[a-z]-[A-Za-z0-9-]{10,}/.source, // Slack
    /A[KS]IA[A-Z0-9]{16}/.source, // AWS
    /AIza[A-Za-z0-9_-]{35}/.source, // Google
    START + /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/.source, // JSON Web Token
    /(Bearer(?:\s|%20|\+){1,4})[A-Za-z0-9._~+/=-]{6,}/.source,
    /(:\\{0,7}\/\\{0,7}\/)[^\s/?#@"\\]{6,}(?=@)/.source, // user and password of a URL
    /((?:[?&]|\\u0026)[\w.-]{0,40}(?:token|key|secret|passw(?:or)?d|signature|sig|auth)=)[^&\s"'<>#\\]{4,}/
      .source,
  ].join('|'),
  'gi',
);
