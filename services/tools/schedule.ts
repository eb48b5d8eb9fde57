/**
 * Schedules: what shall be said to the agent, or run, when. They are rows that another service fires. What a schedule says
 * is taken for the owner's words when it is due: the policy asks before a turn sets one that has read words of strangers.
 * What the command of one may reach is allowed when it is made, since nobody is there to be asked at night.
 */

import * as z from 'zod/mini';
import { nanousdOf } from '#shared/base/money.ts';
import * as schedule from '#shared/tables/schedule.ts';
import { type Call, type Hands, tool } from './registry.ts';
import { text } from './result.ts';

const allow = { do: 'allow' } as const;

const name = z.string().check(z.regex(schedule.NAME, schedule.NAMED));
const when = z.string().check(z.minLength(1), z.maxLength(100));
const prompt = z.string().check(z.minLength(1), z.maxLength(4000));
const usd = z.number().check(z.positive(), z.maximum(1000));
/** What may be said of a job besides its time and its work. */
const rules = {
  zone: z.optional(z.string().check(z.maxLength(60))),
  missed: z.optional(z.enum(['once', 'all', 'skip'])),
  overlap: z.optional(z.enum(['skip', 'queue'])),
  run_usd: z.optional(usd),
  day_usd: z.optional(usd),
};
type Rules = z.output<z.ZodMiniObject<typeof rules>>;

/** Loaded by the first schedule: most days see none. */
const times = () => import('#shared/base/cron.ts');

export const scheduleCreate = tool({
  name: 'schedule_create',
  description:
    'Have yourself told something, or a command run, at set times. `when`: five cron fields ("0 8 * * 1-5"), "every 15m", "in 20m" or "at 2027-03-01T09:00"; local time, or of `zone` ("Europe/Berlin"). ' +
    'Give `prompt`: what to do then; or `command`: a command line, run without you, whose output is sent when there is any. ' +
    '`missed`: what becomes of times that were slept through (once). `overlap`: of a time at which the run before is still at work (skip). `run_usd`, `day_usd`: what it may cost.',
  input: z
    .strictObject({ name, when, prompt: z.optional(prompt), command: z.optional(prompt), ...rules })
    .check(
      z.refine(
        (input) => (input.prompt === undefined) !== (input.command === undefined),
        'expected one of prompt and command',
      ),
    ),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `schedule "${input.name}" (${input.when}): ${input.prompt ?? input.command}`,
  policy: () => allow,
  async run(call, hands) {
    const { input } = call;
    const [taken] = await hands.ctx.store.read(schedule.named(input.name));
    // To run this again after a crash finds nothing: what it posts is committed with its end.
    if (taken && taken.state !== 'deleted')
      throw new Error(
        taken.kind === 'house'
          ? `"${input.name}" is a job of the house's own: choose another name`
          : `there is a schedule "${input.name}" already: schedule_change changes it`,
      );
    const work =
      input.command === undefined
        ? { kind: 'prompt' as const, prompt: input.prompt ?? '' }
        : {
            kind: 'command' as const,
            prompt: input.command,
            grants_json: JSON.stringify({ hosts: hands.allowed.hosts, paths: hands.allowed.paths }),
          };
    return put(
      call,
      hands,
      { ...schedule.PLAIN, ...work, name: input.name, state: 'active', spec: input.when },
      input,
    );
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
    const lines = await Promise.all(
      all.map(
        async (one) => `"${one.name}" (${one.spec}; ${await told(one, ctx.clock.now())}): ${one.prompt}`,
      ),
    );
    return { content: text(lines.join('\n') || 'There are no schedules here.') };
  },
});

export const scheduleChange = tool({
  name: 'schedule_change',
  description:
    'Change a schedule: its time, its rules, what to say to you, or whether it is active or paused. Another command is another schedule.',
  input: z.strictObject({
    name,
    when: z.optional(when),
    prompt: z.optional(prompt),
    state: z.optional(z.enum(['active', 'paused'])),
    ...rules,
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
    const { id: _, ...now } = await known(call, hands, name);
    if (prompt !== undefined && now.kind === 'command') {
      throw new Error(
        'what a command may do was allowed with its words: make another schedule for another one',
      );
    }
    const changed = {
      ...now,
      state: state ?? now.state,
      spec: when ?? now.spec,
      prompt: prompt ?? now.prompt,
    };
    return put(call, hands, changed, call.input);
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
    const { id: _, ...now } = await known(call, hands, call.input.name);
    return put(call, hands, { ...now, state: 'deleted' }, {});
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

async function put(
  call: Call,
  { ctx }: Hands,
  what: Omit<schedule.Schedule, 'id' | 'conversation' | 'channel' | 'chat' | 'given_by' | 'at'>,
  rules: Rules,
) {
  const { readSpec, readNew } = await times();
  const { conversation, channel, chat, sender } = call;
  const at = ctx.clock.now();
  const zone = rules.zone ?? what.zone;
  const spec = (what.state === 'active' ? readNew : readSpec)(what.spec, zone, at);
  const row = {
    ...what,
    zone,
    spec: spec.text,
    missed: rules.missed ?? what.missed,
    overlap: rules.overlap ?? what.overlap,
    run_nanousd: rules.run_usd === undefined ? what.run_nanousd : nanousdOf(rules.run_usd),
    day_nanousd: rules.day_usd === undefined ? what.day_nanousd : nanousdOf(rules.day_usd),
    ...{ conversation, channel, chat, given_by: sender ?? 'agent', at },
  };
  return {
    content: text(`"${row.name}" (${row.spec}): ${await told(row, at)}.`),
    ops: [schedule.put(row)],
  };
}

async function told(
  { state, spec, zone }: Pick<schedule.Schedule, 'state' | 'spec' | 'zone'>,
  now: number,
): Promise<string> {
  if (state !== 'active') return state;
  const { readSpec, nextOf } = await times();
  const next_at = nextOf(readSpec(spec, zone), now);
  return next_at === null ? 'over' : `next on ${new Date(next_at).toString().replace(/ \(.*/, '')}`;
}
