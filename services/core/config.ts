import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  parallel_turns: setting(integer(1, 256), 8, 'How many conversations are answered side by side.'),
  history_messages: setting(
    integer(1, 1000),
    40,
    'How many of the latest messages of a conversation the model sees.',
  ),
  longest_message_kb: setting(
    integer(1, 1000),
    100,
    'A message beyond this size is declined, and its sender told so.',
  ),
});
