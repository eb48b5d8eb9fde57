/** The commented example of `config.toml`, made from the schemas: every setting, its default, and what it means. */

import { meaningOf, type Section } from './setting.ts';

const WIDTH = 100;

/** @param sections every section with its schema, in the order in which they appear */
export function exampleOf(sections: Record<string, Section>): string {
  const head = `# Generated from the schemas: what Vigil can be set to, with its defaults. A line without its '#' is in force.
# Changes take effect at the next start. scripts/vigil config check says whether all is in order.
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
    const meaning = wrapped(meaningOf(schema));
    return `${meaning}# ${key} = ${JSON.stringify(defaults[key])}\n`;
  });
  return `\n[${name}]\n${settings.join('\n')}`;
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
