/** What a provider keeps of a batch until it is asked to delete it: the questions, and the answers. */

import { messageOf } from '#shared/base/errors.ts';

const PATIENCE_ms = 20_000;

/** Says what came of it; null: there was nothing to delete. */
export async function deleteBatches(
  socketPath: string,
  batches: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  if (batches.length === 0) return null;
  const { httpFetch } = await import('#shared/base/fetch.ts');
  const fetch = httpFetch({ socketPath });
  const ask = (path: string, method: 'POST' | 'DELETE') =>
    fetch(`http://router/v1/messages/batches/${path}`, {
      method,
      headers: { 'x-api-key': 'suite', 'anthropic-version': '2023-06-01', 'x-vigil-service': 'memory' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_ms)]),
    });
  const kept: string[] = [];
  for (const id of batches) {
    try {
      // One that is over cannot be cancelled, and one that is not cannot be deleted.
      await (await ask(`${id}/cancel`, 'POST')).arrayBuffer();
      const answer = await ask(id, 'DELETE');
      await answer.arrayBuffer();
      if (!answer.ok && answer.status !== 404) kept.push(`${id} (${answer.status})`);
    } catch (error) {
      signal.throwIfAborted();
      kept.push(`${id} (${messageOf(error)})`);
    }
  }
  if (kept.length === 0) return 'Its batches are deleted at the provider.';
  return `Not deleted at the provider, where they lie for 29 days at most: ${kept.join(', ')}.`;
}
