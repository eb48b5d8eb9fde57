import * as z from 'zod/mini';
import { section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  owners: setting(
    z.array(z.int().check(z.positive())),
    [],
    'The numeric Telegram ids of those who may talk to Vigil. Everybody else is refused. Write to the bot to learn yours.',
  ),
});
