/** How far a turn may go, and what of a conversation the model is told. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  parallel_turns: setting(integer(1, 1024), 64, 'How many conversations are answered side by side.'),
  history_turns: setting(
    integer(1, 1000),
    40,
    'How many of the latest turns of a conversation the model is told word for word.',
  ),
  history_kb: setting(
    integer(4, 4000),
    96,
    'Beyond this size the older half of a conversation is told as a summary; what was said is kept.',
  ),
  recall_tokens: setting(
    integer(0, 16_000),
    1024,
    'How much the model is told of what is remembered, with each question, in tokens; 0: nothing.',
  ),
  longest_message_kb: setting(
    integer(1, 1000),
    100,
    'A message beyond this size is declined, and its sender told so.',
  ),
  rounds: setting(
    integer(1, 200),
    25,
    'The most rounds of one turn: in each the model is asked once, and its tools run.',
  ),
  turn_minutes: setting(
    integer(1, 1440),
    30,
    'The most time that models and tools may be at work for one turn. What waits for its owner is not counted.',
  ),
  turn_tokens: setting(
    integer(1000, 100_000_000),
    1_000_000,
    'The most tokens of one turn, all its model calls together.',
  ),
  web_search_uses: setting(
    integer(0, 20),
    0,
    "How often one model call may search the web with the provider's own tool; 0: not offered. Needs a model that has it; see [tools] search for another way.",
  ),
  thinking: setting(
    z.enum(['off', 'adaptive']),
    'off',
    'Whether the model thinks before it answers; "adaptive" needs a model that can, and costs more.',
  ),
});

export type Config = z.infer<typeof config>;
