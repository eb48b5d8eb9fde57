/** What the provider has said of a batch, to the client: its words, but for the address of the results. */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Open } from '#shared/tables/batch.ts';
import { refuse } from '../forward.ts';
import type { Target } from '../route.ts';
import { type Ending, passedBack } from '../upstream.ts';
import { BATCHES, type Info, infoIn } from './ask.ts';

export function tell(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  ending: Ending,
  headers: OutgoingHttpHeaders,
  id: string,
): void {
  if (outgoing.destroyed) return;
  const { outcome, body, status, answer } = ending;
  if (outcome !== 'ok' || !body) {
    refuse(outgoing, ending, headers, id);
    return;
  }
  const info = infoIn(ending);
  const said = info?.results_url ? Buffer.from(JSON.stringify(here(incoming, info))) : body;
  outgoing.writeHead(status ?? 200, {
    ...passedBack(answer ?? {}),
    ...headers,
    'content-length': said.length,
  });
  outgoing.end(said);
}

/** What the router itself says with an answer. */
export function ownHeaders({ call_id, alias }: Open, { name }: Target): OutgoingHttpHeaders {
  const headers = { 'x-vigil-call': call_id, 'x-vigil-target': name };
  return alias === null ? headers : { ...headers, 'x-vigil-alias': alias };
}

/** The official client asks for the results where `results_url` says: at the provider, with the key that is ours alone. */
export function here({ headers }: IncomingMessage, info: Info): Info {
  if (!info.results_url) return info;
  return {
    ...info,
    results_url: `http://${headers.host ?? 'router'}${BATCHES}/${encodeURIComponent(info.id)}/results`,
  };
}
