import type * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  rules_after_s: setting(
    integer(0, 86_400),
    60,
    'What was said is looked through for facts once a conversation has been still for so many seconds.',
  ),
  session_min: setting(
    integer(1, 1440),
    30,
    'After so many minutes of silence the next message begins a new session; each long one is summed up.',
  ),
});

export type Config = z.infer<typeof config>;
