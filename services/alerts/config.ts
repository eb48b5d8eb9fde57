import * as z from 'zod/mini';
import { section, setting } from '#shared/runtime/setting.ts';

const seconds = z.number().check(z.gte(0.1), z.lte(86_400));

export const config = section({
  look_s: setting(seconds, 5, 'How often the rules are looked at.'),
});

export type Config = z.infer<typeof config>;
