/**
 * Message Batches: kept until they are told to end, then answered all at once.
 * Source: Claude Platform Docs, "Batch processing"; @anthropic-ai/sdk 1.12.0, resources/messages/batches.d.ts.
 */

import type {
  DeletedMessageBatch,
  MessageBatch,
  MessageBatchResult,
} from '@anthropic-ai/sdk/resources/messages';
import { messageOf } from '#shared/base/errors.ts';
import { message, newId } from '#shared/messages/answer.ts';
import { ApiError, type ErrorEnvelope } from '#shared/messages/error.ts';
import type { BatchRequest } from '#shared/messages/request-fields.ts';
import { refuse } from '#shared/messages/shape.ts';
import { type Billed, billedFields, billOf, nothing } from './messages-bill.ts';
import { page } from './messages-models.ts';
import type { Composed } from './messages-script.ts';

/** How many requests, from the last one back, end otherwise than with the script's answer. */
export type Ending = { errored?: number; canceled?: number; expired?: number };

/** Who submitted a batch: answers its requests, hears what they cost, and serves its results at `root`. */
export type Submitter = {
  answer: (params: Record<string, unknown>) => Promise<Composed>;
  charge: (billed: Billed) => void;
  root: string;
};

type Result = Exclude<MessageBatchResult, { type: 'errored' }> | { type: 'errored'; error: ErrorEnvelope };
type Line = { custom_id: string; result: Result };

type Batch = {
  info: MessageBatch;
  requests: readonly BatchRequest[];
  results: Line[];
  submitter: Submitter;
};

const day_ms = 24 * 60 * 60_000;
const at = (ms = Date.now()) => new Date(ms).toISOString();

export function batchBook() {
  const batches = new Map<string, Batch>();

  function find(id: string): Batch {
    const found = batches.get(id);
    if (!found) throw new ApiError('not_found_error', `message_batch: ${id}`);
    return found;
  }

  async function end(batch: Batch, how: Ending): Promise<void> {
    const { info, requests, submitter } = batch;
    if (info.processing_status === 'ended') throw new Error(`batch ${info.id} has ended already`);
    const { errored = 0, expired = 0 } = how;
    const { canceled = info.processing_status === 'canceling' ? requests.length : 0 } = how;
    const otherwise: Result[] = [
      ...Array<Result>(errored).fill(erroredWith(new Error('Internal server error'))),
      ...Array<Result>(expired).fill({ type: 'expired' }),
      ...Array<Result>(canceled).fill({ type: 'canceled' }),
    ].slice(0, requests.length);
    const sum = { ...nothing };
    const results: Line[] = [];
    for (const [index, { custom_id, params }] of requests.entries()) {
      const given = otherwise[requests.length - 1 - index];
      results.push({ custom_id, result: given ?? (await answered(params, submitter, sum)) });
    }
    for (const { result } of results) info.request_counts[result.type] += 1;
    info.request_counts.processing = 0;
    info.processing_status = 'ended';
    info.ended_at = at();
    info.results_url = `${submitter.root}/v1/messages/batches/${info.id}/results`;
    // Their order promises nothing, and must not be relied upon.
    batch.results = results.reverse();
    submitter.charge(sum);
  }

  return {
    create(requests: readonly BatchRequest[], submitter: Submitter): MessageBatch {
      const now = Date.now();
      const info: MessageBatch = {
        id: newId('msgbatch'),
        type: 'message_batch',
        processing_status: 'in_progress',
        request_counts: { processing: requests.length, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
        created_at: at(now),
        expires_at: at(now + day_ms),
        ended_at: null,
        cancel_initiated_at: null,
        archived_at: null,
        results_url: null,
      };
      batches.set(info.id, { info, requests, results: [], submitter });
      return info;
    },
    /** The latest first. */
    list: (url: string) => page([...batches.values()].map(({ info }) => info).reverse(), url),
    retrieve: (id: string): MessageBatch => find(id).info,
    cancel(id: string): MessageBatch {
      const { info } = find(id);
      if (info.processing_status === 'ended') refuse(`Batch ${id} cannot be canceled: it has ended`);
      info.processing_status = 'canceling';
      info.cancel_initiated_at ??= at();
      return info;
    },
    delete(id: string): DeletedMessageBatch {
      if (find(id).info.processing_status !== 'ended') {
        refuse(`Batch ${id} cannot be deleted while it is in progress: cancel it first`);
      }
      batches.delete(id);
      return { id, type: 'message_batch_deleted' };
    },
    results(id: string): string {
      const { info, results } = find(id);
      if (info.processing_status !== 'ended') {
        throw new ApiError('not_found_error', `Batch ${id} has no available results: it is in progress`);
      }
      return results.map((line) => `${JSON.stringify(line)}\n`).join('');
    },
    /** Ends this batch, or all that have not ended. */
    async end(id?: string, how: Ending = {}): Promise<void> {
      const open = [...batches.values()].filter(({ info }) => info.processing_status !== 'ended');
      for (const batch of id === undefined ? open : [find(id)]) await end(batch, how);
    },
  };
}

/** Adds what a request used to `sum`. */
async function answered(params: Record<string, unknown>, submitter: Submitter, sum: Billed): Promise<Result> {
  try {
    const answer = await submitter.answer(params);
    const usage = { ...answer.usage, service_tier: 'batch' as const };
    const billed = billOf(usage);
    for (const field of billedFields) sum[field] += billed[field];
    return { type: 'succeeded', message: message({ ...answer, usage }) };
  } catch (error) {
    return erroredWith(error);
  }
}

function erroredWith(error: unknown): Result {
  const known = error instanceof ApiError ? error : new ApiError('api_error', messageOf(error));
  return { type: 'errored', error: known.envelope(newId('req')) };
}
