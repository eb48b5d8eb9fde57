/**
 * Changes one setting or one table in a TOML text and leaves everything else, comments and layout too, as it is. It knows
 * the usual ways of writing only, and proves its work: whoever writes otherwise is asked to edit by hand.
 */

import { isDeepStrictEqual } from 'node:util';
import { parse, stringify, TomlError } from 'smol-toml';
import { Misconfigured } from '#shared/base/errors.ts';

type Value = number | string | readonly number[];

/** @throws Misconfigured when anything but this setting would change */
export function withSetting(text: string, section: string, key: string, value: Value): string {
  // JSON is TOML, for these.
  const edited = edit(text, section, key, JSON.stringify(value));
  if (same(parsed(edited), put(parse(text), [section, key], value))) return edited;
  throw unsafe(`[${section}] ${key}`, `${key} = ${JSON.stringify(value)} below [${section}]`);
}

/** Appends a table. @throws Misconfigured when anything but this would change */
export function withTable(text: string, path: readonly string[], table: object): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const gap = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol;
  const nested = path.reduceRight<object>((inner, key) => ({ [key]: inner }), table);
  // What holds nothing but inner tables needs no header of its own.
  const own = stringify(nested).replace(/^(\[[\w.]+\]\n)(?=\[)/gm, '');
  const edited = text + gap + own.replaceAll('\n', eol);
  if (same(parsed(edited), put(parse(text), path, table))) return edited;
  throw unsafe(`[${path.join('.')}]`, `append ${own.trim()}`);
}

/** Takes a table and its inner tables out. @throws Misconfigured when anything but this would change */
export function withoutTable(text: string, path: readonly string[]): string {
  const name = path.join('.');
  const kept: string[] = [];
  let within = false;
  /** Comments at the table's end stay: they may be about what follows. */
  let trailing: string[] = [];
  for (const line of text.split('\n')) {
    const header = /^[ \t]*\[+[ \t]*([^\]]+?)[ \t]*\]/.exec(line)?.[1];
    if (header !== undefined) within = header === name || header.startsWith(`${name}.`);
    const remark = /^[ \t]*(#.*)?\r?$/.test(line);
    if (within) trailing = remark ? [...trailing, line] : [];
    else kept.push(...trailing.splice(0), line);
  }
  const edited = [...kept, ...trailing].join('\n').replace(/(\r?\n)\s+$/, '$1');
  const before = parse(text);
  const after = parsed(edited);
  // Put back, it must make the very text that was there.
  if (after && at(after, path) === undefined && same(put(after, path, at(before, path)), before))
    return edited;
  throw unsafe(`[${name}]`, `remove [${name}]`);
}

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], tree);
}

/** A copy with `value` at `path`. */
function put(tree: object, [key = '', ...rest]: readonly string[], value: unknown): object {
  const inner = at(tree, [key]);
  return {
    ...tree,
    [key]: rest.length === 0 ? value : put(typeof inner === 'object' && inner ? inner : {}, rest, value),
  };
}

function unsafe(what: string, byHand: string): Misconfigured {
  return new Misconfigured(
    `config: ${what} is written in a way that cannot be changed safely from here; nothing was changed`,
    `edit it by hand: ${byHand}`,
  );
}

function parsed(text: string): object | null {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) return null;
    throw error;
  }
}

/** Copied first, since the parser's objects have no prototype. */
function same(one: object | null, other: object): boolean {
  return isDeepStrictEqual(structuredClone(one), structuredClone(other));
}

function edit(text: string, section: string, key: string, value: string): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split('\n');
  const header = lines.findIndex((line) => RegExp(`^[ \\t]*\\[[ \\t]*${section}[ \\t]*\\]`).test(line));
  const setting = `${key} = ${value}`;
  if (header < 0) {
    const gap = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol;
    return `${text}${gap}[${section}]${eol}${setting}${eol}`;
  }
  const next = lines.findIndex((line, i) => i > header && /^[ \t]*\[/.test(line));
  const within = (pattern: RegExp) =>
    lines.findIndex((line, i) => i > header && (next < 0 || i < next) && pattern.test(line));

  const set = within(RegExp(`^[ \\t]*${key}[ \\t]*=`));
  if (set >= 0) {
    lines[set] =
      lines[set]?.replace(/(=[ \t]*)("[^"]*"|'[^']*'|\[[^\]]*\]|[^ \t\r#]+)/, (_, is) => is + value) ?? '';
    return lines.join('\n');
  }
  const example = within(RegExp(`^[ \\t]*#[ \\t]*${key}[ \\t]*=`));
  const above = example >= 0 ? example : header;
  // The last line of the text may have no end of its own.
  if (above === lines.length - 1) return `${text}${eol}${setting}${eol}`;
  lines.splice(above + 1, 0, eol === '\r\n' ? `${setting}\r` : setting);
  return lines.join('\n');
}
