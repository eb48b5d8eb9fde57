/**
 * The test's verbs over HTTP, so that another process or language can drive the server: POST /control/<verb> with
 * the verb's one argument as JSON, answered by its result as JSON. It has a port of its own, because
 * `network('down')` closes the other one.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '#shared/base/errors.ts';
import { parseJson, readBody } from './request.ts';
import { type Verbs, verb_names } from './verbs.ts';

export async function serveControl(verbs: Verbs, port: number) {
  const server = createServer(async (request, response) => {
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value ?? null));
    };
    try {
      const name = verb_names.find((known) => request.url === `/control/${known}`);
      if (!name || request.method !== 'POST') {
        return reply(404, {
          error: `expected POST /control/<verb>, the verb one of: ${verb_names.join(', ')}`,
        });
      }
      const text = (await readBody(request)).toString();
      const argument = text === '' ? undefined : parseJson(text);
      if (text !== '' && argument === undefined)
        return reply(400, { error: `the body of ${name} is no JSON: ${text}` });
      reply(200, await (verbs[name] as (argument: unknown) => Promise<unknown>)(argument));
    } catch (error) {
      reply(400, { error: messageOf(error) });
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/control`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The same verbs, for a server in another process. */
export function remoteVerbs(control: string): Verbs {
  const call = async (verb: string, argument?: unknown) => {
    const body = argument === undefined ? '' : JSON.stringify(argument);
    const response = await fetch(`${control}/${verb}`, { method: 'POST', body });
    const result: unknown = await response.json();
    if (!response.ok) throw new Error(`the Bot API server refused '${verb}': ${JSON.stringify(result)}`);
    return result;
  };
  const entries = verb_names.map((verb) => [verb, (argument?: unknown) => call(verb, argument)]);
  return Object.fromEntries(entries) as Verbs;
}
