/**
 * /v1/messages/batches: handed on to the provider, each batch to those alone who may see it: an access key its own, the
 * suite all that went through this router. A batch that was submitted elsewhere is not there.
 *
 * The list comes from the store, as each batch was when it was last asked about (a minute ago at most while it is open):
 * the provider's list is of its whole workspace, and a page of it might hold none of this client's.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '#shared/base/errors.ts';
import { sendJson } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { endpointOf } from '#shared/messages/request.ts';
import * as batch from '#shared/tables/batch.ts';
import { ask, download, homeOf, type Info, infoIn } from './batch/ask.ts';
import { look } from './batch/settle.ts';
import { create } from './batch/submit.ts';
import { here, ownHeaders, tell } from './batch/tell.ts';
import type { Caller } from './budget.ts';
import type { Router } from './request.ts';
import { passedBack, passedOn } from './upstream.ts';

export async function batches(
  router: Router,
  caller: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { endpoint, id } = endpointOf(incoming.method, incoming.url);
  if (endpoint === 'batch.create') return create(router, caller, incoming, outgoing);
  if (endpoint === 'batch.list') return list(router, caller, incoming, outgoing);
  const row = await owned(router, caller, id);
  const target = homeOf(router, row);
  const headers = ownHeaders(row, target);
  const [path, passed] = [incoming.url ?? '', passedOn(incoming.headers)];
  if (endpoint === 'batch.results') {
    const left = new AbortController();
    outgoing.once('close', () => left.abort());
    const answer = await download(router, target, path, passed, left.signal);
    outgoing.writeHead(answer.status, { ...passedBack(answer.headers), ...headers });
    // Cut off by the provider, it is cut off here: a clean end would make half of the results look like all.
    return pipeline(answer.chunks, outgoing).catch((error) =>
      router.log.warn('results.cut', { call: row.call_id, cause: messageOf(error) }),
    );
  }
  if (endpoint === 'batch.delete') await billFirst(router, row);
  const ending = await ask(router, target, { method: incoming.method ?? 'GET', path, headers: passed });
  const info = infoIn(ending);
  if (info) await router.store.commit([batch.heard(row.call_id, JSON.stringify(info))]);
  else if (endpoint === 'batch.delete' && ending.outcome === 'ok')
    await router.store.commit([batch.forget(row.call_id)]);
  tell(incoming, outgoing, ending, headers, row.call_id);
}

async function owned(router: Router, { key }: Pick<Caller, 'key'>, id: string): Promise<batch.Open> {
  const rows = await router.store.read(batch.of(id));
  const row = rows.find(({ access_key }) => key === null || key.name === access_key);
  if (row) return row;
  const whose = key === null ? 'that was submitted through this router' : `of the key '${key.name}'`;
  throw new ApiError('not_found_error', `router: there is no batch '${id}' ${whose}`);
}

/** With its results goes the last word on what it cost. */
async function billFirst(router: Router, row: batch.Open): Promise<void> {
  if (row.due_at === null) return;
  await look(router, row);
  const [now] = await router.store.read(batch.of(row.batch_id ?? ''));
  if (now?.due_at === null) return;
  throw new ApiError(
    'invalid_request_error',
    `router: batch ${row.batch_id} cannot be deleted while it is in progress: cancel it first`,
  );
}

const MOST = 1000;

async function list(
  router: Router,
  { key }: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const asked = new URL(incoming.url ?? '', 'http://router').searchParams;
  const limit = Number(asked.get('limit') ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
    throw new ApiError(
      'invalid_request_error',
      `router: limit: expected 1 to ${MOST}, got ${asked.get('limit')}`,
    );
  }
  const [after, before] = [asked.get('after_id'), asked.get('before_id')];
  const cursor = after ?? before;
  const seq = cursor === null ? Number.MAX_SAFE_INTEGER : (await owned(router, { key }, cursor)).seq;
  const from = before !== null && after === null ? { above: seq } : { below: seq };
  const rows = await router.store.read(batch.page(key?.name ?? null, from, limit + 1));
  const data = rows.slice(0, limit).map(({ info_json }): Info => here(incoming, JSON.parse(info_json)));
  if ('above' in from) data.reverse();
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  sendJson(outgoing, 200, { data, has_more: rows.length > limit, ...ends });
}
