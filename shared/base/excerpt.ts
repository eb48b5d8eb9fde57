/** The beginning of a text that may be long, where there is room for a line. */

const LONGEST_EXCERPT = 120;

/** In one line. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST_EXCERPT ? line : `${line.slice(0, LONGEST_EXCERPT).toWellFormed()}…`;
}
