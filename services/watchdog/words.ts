/** What the owner reads. Pure. */

import type { Due } from '#shared/tables/telling.ts';
import { spell } from './verdict.ts';

type Told = Pick<Due, 'phase' | 'severity' | 'text' | 'opened_at' | 'closed_at'>;

/** One message for all that is to be told at one time. */
export function wordsOf(told: readonly Told[]): string {
  const news = told.filter(({ severity }) => severity === 'info').map(({ text }) => text);
  const trouble = told.filter(({ severity }) => severity !== 'info');
  const begun = trouble.filter(({ phase }) => phase === 'begun').map(({ text }) => text);
  const over = trouble
    .filter(({ phase }) => phase === 'over')
    .map(
      ({ text, opened_at, closed_at }) =>
        `${titleOf(text)} (after ${spell((closed_at ?? opened_at) - opened_at)})`,
    );
  return [part('⚠️', begun), part('✅ Over:', over), part('ℹ️', news)]
    .filter((words) => words !== '')
    .join('\n\n');
}

/** Enough to know it again by: its cause and what was done have been told. */
function titleOf(text: string): string {
  return text.split(/: |[.,] |\n| \(/, 1)[0]?.replace(/\.$/, '') ?? text;
}

function part(sign: string, texts: readonly string[]): string {
  if (texts.length <= 1) return texts.map((text) => `${sign} ${text}`).join('');
  return [sign, ...texts.map((text) => `• ${text}`)].join('\n');
}
