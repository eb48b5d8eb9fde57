/**
 * Schedules: what shall be said to the agent when. They are rows that another service fires. What a schedule says is taken
 * for the owner's words when it is due: the policy asks before a turn sets one that has read words of strangers.
 */

import * as z from 'zod/mini';
import { nextOf, readSpec } from '#shared/base/cron.ts';
import * as schedule from '#shared/tables/schedule.ts';
import { type Call, type Hands, tool } from './registry.ts';
import { text } from './result.ts';

const allow = { do: 'allow' } as const;

const name = z
  .string()
  .check(
    z.regex(/^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,59}$/u, 'expected up to 60 letters, digits, blanks, . _ or -'),
  );
const when = z.string().check(z.minLength(1), z.maxLength(100));
const prompt = z.string().check(z.minLength(1), z.maxLength(4000));

export const scheduleCreate = tool({
  name: 'schedule_create',
  description:
    'Have yourself told something at set times. `when`: five cron fields ("0 8 * * 1-5"), or "at 2027-03-01T09:00"; local time. `prompt`: what to do then.',
  input: z.strictObject({ name, when, prompt }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `schedule "${input.name}" (${input.when}): ${input.prompt}`,
  policy: () => allow,
  async run(call, hands) {
    const [taken] = await hands.ctx.store.read(schedule.named(call.input.name));
    // To run this again after a crash finds nothing: what it posts is committed with its end.
    if (taken && taken.state !== 'deleted')
      throw new Error(`there is a schedule "${call.input.name}" already: schedule_change changes it`);
    const spec = readSpec(call.input.when).text;
    return put(call, hands, { name: call.input.name, state: 'active', spec, prompt: call.input.prompt });
  },
});

export const scheduleList = tool({
  name: 'schedule_list',
  description: 'The schedules of this chat.',
  input: z.strictObject({}),
  offer: 'on demand',
  repeatable: true,
  about: () => 'list the schedules',
  policy: () => allow,
  async run(call, { ctx }) {
    const all = await ctx.store.read(schedule.of(call.conversation));
    const lines = all.map(
      (one) => `"${one.name}" (${one.spec}; ${told(one, ctx.clock.now())}): ${one.prompt}`,
    );
    return { content: text(lines.join('\n') || 'There are no schedules here.') };
  },
});

export const scheduleChange = tool({
  name: 'schedule_change',
  description: 'Change a schedule: its time, what to do, or whether it is active or paused.',
  input: z.strictObject({
    name,
    when: z.optional(when),
    prompt: z.optional(prompt),
    state: z.optional(z.enum(['active', 'paused'])),
  }),
  offer: 'on demand',
  repeatable: true,
  about({ name, ...changes }) {
    const words = Object.entries(changes).map(([key, value]) => `${key} = ${value}`);
    return `change the schedule "${name}": ${words.join(', ')}`;
  },
  policy: () => allow,
  async run(call, hands) {
    const { name, when, prompt, state } = call.input;
    const now = await known(call, hands, name);
    const spec = when === undefined ? now.spec : readSpec(when).text;
    return put(call, hands, { name, state: state ?? now.state, spec, prompt: prompt ?? now.prompt });
  },
});

export const scheduleDelete = tool({
  name: 'schedule_delete',
  description: 'Delete a schedule.',
  input: z.strictObject({ name }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `delete the schedule "${input.name}"`,
  policy: () => allow,
  async run(call, hands) {
    const { spec, prompt } = await known(call, hands, call.input.name);
    return put(call, hands, { name: call.input.name, state: 'deleted', spec, prompt });
  },
});

async function known(call: Call, { ctx }: Hands, name: string): Promise<schedule.Schedule> {
  const all = await ctx.store.read(schedule.of(call.conversation));
  const found = all.find((one) => one.name === name);
  if (!found)
    throw new Error(
      `there is no schedule "${name}" here; there are: ${all.map((one) => one.name).join(', ') || 'none'}`,
    );
  return found;
}

function put(
  call: Call,
  { ctx }: Hands,
  what: Pick<schedule.Schedule, 'name' | 'state' | 'spec' | 'prompt'>,
) {
  const { conversation, channel, chat, sender } = call;
  const at = ctx.clock.now();
  if (what.state === 'active' && nextOf(readSpec(what.spec), at) === null) {
    throw new Error(`"${what.spec}" is never due any more: expected a time to come`);
  }
  const row = { ...what, conversation, channel, chat, given_by: sender ?? 'agent', at };
  return { content: text(`"${what.name}" (${what.spec}): ${told(what, at)}.`), ops: [schedule.put(row)] };
}

function told({ state, spec }: Pick<schedule.Schedule, 'state' | 'spec'>, now: number): string {
  const next_at = state === 'active' ? nextOf(readSpec(spec), now) : null;
  return next_at === null
    ? state === 'active'
      ? 'over'
      : state
    : `next on ${new Date(next_at).toString().replace(/ \(.*/, '')}`;
}
