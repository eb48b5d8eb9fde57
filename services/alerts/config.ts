import * as z from 'zod/mini';
import { section, setting } from '#shared/runtime/setting.ts';

const seconds = z.number().check(z.gte(0.1), z.lte(86_400));
const perhaps = z.union([z.literal(''), z.url({ protocol: /^https?$/ })]);

export const config = section({
  look_s: setting(seconds, 5, 'How often the rules are looked at.'),
  remind_h: setting(
    z.number().check(z.gte(0), z.lte(1000)),
    4,
    'How often you are reminded of what is critical, goes on, and nobody looks after. 0: never.',
  ),
  ping_url: setting(
    perhaps,
    '',
    'A dead man\'s switch outside, such as a check of healthchecks.io: asked for while all works, and as <ping_url>/fail while something critical is wrong. When nothing comes, the machine is dead. "": none.',
  ),
  ping_s: setting(seconds, 60, 'How often.'),
  proxy: setting(
    perhaps,
    '',
    'The HTTP proxy that leads there. "": what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, if anything.',
  ),
  no_proxy: setting(
    z.string(),
    'localhost,127.0.0.1,::1',
    'With proxy: the hosts that it is not asked for, with commas between.',
  ),
});

export type Config = z.infer<typeof config>;
