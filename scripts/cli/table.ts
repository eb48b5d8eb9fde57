/** How the command line draws: tables as wide as what is in them, and bars. */

import { stripVTControlCharacters, styleText } from 'node:util';

/** A column whose title begins with '>' is flush right. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = columns.map((title) => title.startsWith('>'));
  const titles = columns.map((title) => title.replace(/^>/, ''));
  const widths = columns.map((_, i) => Math.max(...[titles, ...rows].map((row) => wide(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const gap = ' '.repeat((widths[i] ?? 0) - wide(cell));
        return right[i] ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd();
  return [styleText('bold', line(titles)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

/** Draws with bars as wide as the terminal leaves room for, or `most`; a pipe has no width. */
export function fitted(most: number, draw: (width: number) => string): string {
  if (!process.stdout.isTTY) return draw(Math.min(most, 20));
  const taken = Math.max(...draw(0).split('\n').map(wide));
  return draw(Math.max(0, Math.min(most, process.stdout.columns - taken)));
}

/** How many columns a text takes, its colours not counted. */
function wide(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** A bar of a chart, to an eighth of a column. What is more than nothing can be seen. */
export function bar(share: number, width: number): string {
  const eighths = share > 0 && width > 0 ? Math.max(1, Math.round(share * width * 8)) : 0;
  return '█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8];
}

/** How full a budget is: what is spent, what is reserved, what is left. Only one with nothing left looks full. */
export function gauge(spent: number, held: number, limit: number, width: number): string {
  const columns = (amount: number) =>
    limit > 0 ? Math.floor((Math.min(amount, limit) / limit) * width) : width;
  const [full, taken] = [columns(spent), columns(spent + held)];
  const colour = spent + held >= limit ? 'red' : spent + held >= 0.8 * limit ? 'yellow' : 'green';
  return (
    styleText(colour, '█'.repeat(full) + '▒'.repeat(taken - full)) +
    styleText('dim', '░'.repeat(width - taken))
  );
}
