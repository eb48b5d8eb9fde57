import type * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  port: setting(
    integer(0, 65_535),
    4190,
    'Where /metrics and /health are served, on 127.0.0.1. 0: any free port.',
  ),
});

export type Config = z.infer<typeof config>;
