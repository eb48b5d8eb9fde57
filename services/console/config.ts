/** Where the console is served, and by which other names it may be reached. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

/** As a browser says it: a name, and its port where that is not the scheme's own. */
const host = z
  .string()
  .check(z.regex(/^[a-z0-9.-]+(:\d{1,5})?$/, 'expected a host, such as "box.example.ts.net"'));

export const config = section({
  port: setting(integer(1, 65_535), 4180, 'Where the console is served, on 127.0.0.1.'),
  hosts: setting(
    z.array(host),
    [],
    'Under which other hosts a browser may ask for it, where a tunnel of yours leads here: ["box.example.ts.net"].',
  ),
});

export type Config = z.infer<typeof config>;
