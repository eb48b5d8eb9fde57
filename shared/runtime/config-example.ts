/** The commented example of `config.toml`, made from the schemas: every setting, its default, and what it means. */

import { stringify } from 'smol-toml';
import { meaningOf, type Section } from './setting.ts';

const WIDTH = 100;

/** @param sections every section with its schema, in the order in which they appear */
export function exampleOf(sections: Record<string, Section>): string {
  const head = `# Generated from the schemas: what Vigil can be set to, with its defaults. A line without its '#' is in force.
# Changes take effect at the next start, those of [budget] at once. scripts/vigil config check says whether all is in order.
`;
  return (
    head +
    Object.entries(sections)
      .map(([name, section]) => sectionText(name, section))
      .join('')
  );
}

function sectionText(name: string, section: Section): string {
  const defaults: Record<string, unknown> = section.parse({});
  const settings = Object.entries(section.shape).map(([key, schema]) => {
    const preset = defaults[key];
    const table = typeof preset === 'object' && preset !== null && !Array.isArray(preset);
    const meaning = wrapped(meaningOf(schema));
    // A table comes after all that is not one: in TOML nothing could follow it.
    if (table) return { table, text: meaning + commented(stringify({ [name]: { [key]: preset } })) };
    return { table, text: `${meaning}# ${key} = ${JSON.stringify(preset)}\n` };
  });
  const sorted = [...settings.filter(({ table }) => !table), ...settings.filter(({ table }) => table)];
  return `\n[${name}]\n${sorted.map(({ text }) => text).join('\n')}`;
}

/** Without the line of the section itself, which stands above. */
function commented(toml: string): string {
  const lines = toml
    .trim()
    .split('\n')
    .filter((line) => line !== '' && !/^\[\w+\]$/.test(line));
  return lines.map((line) => `# ${line}\n`).join('');
}

function wrapped(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last.length + word.length + 1 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((line) => `# ${line}\n`).join('');
}
