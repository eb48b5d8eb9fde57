import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

const answer = z.enum(['allow', 'ask', 'deny']);

export const config = section({
  parallel_calls: setting(integer(1, 64), 8, 'How many tool calls run side by side.'),
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
    z.array(z.string().check(z.regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/))),
    [],
    'Hosts that commands and fetch_url reach unasked: ["github.com", "*.wikipedia.org"].',
  ),
});
