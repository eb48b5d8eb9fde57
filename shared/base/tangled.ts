/** Which Markdown is not worth a parse: longer than any answer that is read, or such that the parser thinks for seconds. */

/** A parse holds everything else up. */
export const LONGEST_PARSED = 60_000;

/** Text that no person writes: hundreds of stars and underscores in one paragraph, or things nested in dozens. */
export function isTangled(markdown: string): boolean {
  if (markdown.length > LONGEST_PARSED) return true;
  if (/^[ \t]*(?:(?:>|[-*+][ \t]|\d+[.)][ \t])[ \t]*){40}/m.test(markdown)) return true;
  return markdown.split(/\n\s*\n/).some((paragraph) => (paragraph.match(/[*_~]+/g)?.length ?? 0) > 1500);
}
