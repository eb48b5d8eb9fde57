/**
 * The question as a vector, where vectors have been found to help. One that is late, or does not come, leaves recall to the
 * words alone: an answer does not wait for it.
 */

import { messageOf } from '#shared/base/errors.ts';
import type { Embed } from '#shared/recall/embed.ts';
import type { Meaning } from '#shared/recall/near.ts';
import { isIdle, understand } from '#shared/recall/question.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import type { Turn } from '#shared/tables/turn.ts';
import type { Core } from './loop.ts';

const PATIENCE_ms = 300;

export type MeaningOf = (
  turn: Pick<Turn, 'id' | 'conversation' | 'unasked'>,
  text: string,
) => Promise<Meaning | null>;

export function meaningReader(
  { store, clock, log }: Pick<Core, 'store' | 'clock' | 'log'>,
  embed: Embed,
  patience_ms = PATIENCE_ms,
): MeaningOf {
  /** That there are none is said once. */
  let missed = false;

  function miss(error: string): null {
    if (!missed) log.warn('vectors.missed', { error });
    missed = true;
    return null;
  }

  return async ({ id, conversation, unasked }, text) => {
    const [trial] = await store.read(embedding_trial.latest);
    if (!trial?.used || isIdle(understand(text, clock.now()))) return null;
    try {
      const { model, vectors } = await embed({
        model: trial.alias,
        texts: [text],
        headers: {
          'x-vigil-service': 'core',
          'x-vigil-turn': id,
          'x-vigil-conversation': conversation,
          ...(unasked === 1 && { 'x-vigil-unasked': '1' }),
        },
        signal: AbortSignal.timeout(patience_ms),
      });
      const [vector] = vectors;
      if (!vector || model !== trial.model) {
        return miss(`expected a vector of ${trial.model}, got one of ${model}`);
      }
      missed = false;
      return { model, vector, floor: trial.floor, weight: trial.weight };
    } catch (error) {
      return miss(messageOf(error));
    }
  };
}
