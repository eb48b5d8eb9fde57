/**
 * Changes one number in a TOML text and leaves everything else, comments and layout too, as it is. It knows the usual
 * ways of writing only, and proves its work: whoever writes otherwise is asked to edit by hand.
 */

import { isDeepStrictEqual } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import { Misconfigured } from '#shared/base/errors.ts';

/** @throws Misconfigured when anything but this setting would change */
export function withSetting(text: string, section: string, key: string, value: number): string {
  const edited = edit(text, section, key, value);
  const before = parse(text);
  const of = before[section];
  const wanted = { ...before, [section]: { ...(typeof of === 'object' && of), [key]: value } };
  if (same(edited, wanted)) return edited;
  throw new Misconfigured(
    `config: [${section}] ${key} is written in a way that cannot be changed safely from here; nothing was changed`,
    `edit it by hand: ${key} = ${value} below [${section}]`,
  );
}

function same(text: string, wanted: object): boolean {
  try {
    // Copied, since the parser's objects have no prototype.
    return isDeepStrictEqual(structuredClone(parse(text)), structuredClone(wanted));
  } catch (error) {
    if (error instanceof TomlError) return false;
    throw error;
  }
}

function edit(text: string, section: string, key: string, value: number): string {
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
    lines[set] = lines[set]?.replace(/(=[ \t]*)[^ \t\r#]+/, `$1${value}`) ?? '';
    return lines.join('\n');
  }
  const example = within(RegExp(`^[ \\t]*#[ \\t]*${key}[ \\t]*=`));
  const above = example >= 0 ? example : header;
  // The last line of the text may have no end of its own.
  if (above === lines.length - 1) return `${text}${eol}${setting}${eol}`;
  lines.splice(above + 1, 0, eol === '\r\n' ? `${setting}\r` : setting);
  return lines.join('\n');
}
