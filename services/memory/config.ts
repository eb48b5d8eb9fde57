import type * as z from 'zod/mini';
import { section } from '#shared/runtime/setting.ts';

export const config = section({});

export type Config = z.infer<typeof config>;
