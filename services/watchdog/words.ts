/** What the owner reads. Pure. */

import type { Due } from '#shared/tables/telling.ts';
import { spell } from './verdict.ts';

type Told = Pick<Due, 'phase' | 'text' | 'opened_at' | 'closed_at'>;

/** One message for all that is to be told at one time. */
export function wordsOf(told: readonly Told[]): string {
  const begun = told.filter(({ phase }) => phase === 'begun').map(({ text }) => text);
  const over = told
    .filter(({ phase }) => phase === 'over')
    .map(
      ({ text, opened_at, closed_at }) => `${text} (after ${spell((closed_at ?? opened_at) - opened_at)})`,
    );
  return [part('⚠️', begun), part('✅ Over:', over)].filter((words) => words !== '').join('\n\n');
}

function part(sign: string, texts: readonly string[]): string {
  if (texts.length <= 1) return texts.map((text) => `${sign} ${text}`).join('');
  return [sign, ...texts.map((text) => `• ${text}`)].join('\n');
}
