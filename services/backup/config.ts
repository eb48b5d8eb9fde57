import { section } from '#shared/runtime/setting.ts';

export const config = section({});
