import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  parallel_calls: setting(integer(1, 64), 8, 'How many tool calls run side by side.'),
});
