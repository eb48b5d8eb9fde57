/** What tools there are, and what they may do and reach. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';
import { servers } from './mcp/setting.ts';

const answer = z.enum(['allow', 'ask', 'deny']);
const host = '[a-z0-9-]+(\\.[a-z0-9-]+)*';

export const config = section({
  parallel_calls: setting(integer(1, 64), 8, 'How many tool calls run side by side.'),
  search: setting(
    z.enum(['searxng', 'brave']),
    'searxng',
    'What the tool web_search asks. "searxng": the instance at search_url, with its JSON format switched on; without search_url there is no such tool. "brave": Brave, with BRAVE_API_KEY in credentials/search.env.',
  ),
  search_url: setting(
    z.union([z.literal(''), z.url({ protocol: /^https?$/ })]),
    '',
    'Where that is: "http://localhost:8888". For Brave only when it is not Brave’s own address.',
  ),
  mcp: setting(
    servers,
    {},
    'MCP servers, by name (letters and digits), as scripts/vigil mcp add writes them: [tools.mcp.mail]. command, args, env: a program that runs in the sandbox; or url, headers: where it listens. secrets: variables of credentials/mcp/<name>.env, which it finds in its environment, or which stand as $NAME in headers. hosts: what the program may reach; lan: hosts of the own network, by name. policy: "ask" (the default), "allow" or "deny" its calls; tools: the same for single ones, { send = "deny" }. timeout_s: how long a call may take (60). Changes are taken up within three seconds.',
  ),
  policy: setting(
    z.record(z.string(), answer),
    {},
    'What a tool may do, instead of what it may by its nature: { run_command = "ask", "mcp_mail_*" = "deny" }. What is always denied stays so.',
  ),
  commands: setting(
    z.record(z.string(), answer),
    {},
    'The same for commands that begin with these words: { "git push" = "ask" }. deny wins over ask, ask over allow.',
  ),
  allowed_hosts: setting(
    z.array(z.string().check(z.regex(new RegExp(`^(\\*\\.)?${host}$`)))),
    [],
    'Hosts that commands and fetch_url reach unasked: ["github.com", "*.wikipedia.org"].',
  ),
  lan_hosts: setting(
    z.array(z.string().check(z.regex(new RegExp(`^${host}$`)))),
    [],
    'Hosts of your own network, by name: ["nas.local"]. Commands and fetch_url reach those that they were allowed, as any other host; addresses of the own network that are not named here stay closed.',
  ),
});
