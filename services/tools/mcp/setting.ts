/** What [tools.mcp.<name>] says of a server of the Model Context Protocol. */

import * as z from 'zod/mini';
import { integer } from '#shared/runtime/setting.ts';
import { SERVER_NAME } from './name.ts';

const word = z.string().check(z.minLength(1));
const policy = z.enum(['allow', 'ask', 'deny']);
/** As the name of a variable of the environment. */
const variable = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/));

const serverSetting = z
  .strictObject({
    command: z.optional(word),
    args: z._default(z.array(z.string()), []),
    env: z._default(z.record(variable, z.string()), {}),
    url: z.optional(z.url({ protocol: /^https?$/ })),
    headers: z._default(z.record(word, z.string()), {}),
    secrets: z._default(z.array(variable), []),
    hosts: z._default(z.array(word), []),
    lan: z._default(z.array(word), []),
    policy: z._default(policy, 'ask'),
    tools: z._default(z.record(word, policy), {}),
    timeout_s: z._default(integer(1, 3600), 60),
  })
  .check(
    z.refine(({ command, url }) => (command === undefined) !== (url === undefined), {
      error: 'expected either command or url',
    }),
  );

export const servers = z.record(z.string().check(z.regex(SERVER_NAME)), serverSetting);

export type ServerSetting = z.infer<typeof serverSetting>;
