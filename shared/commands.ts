/**
 * Every command that can be typed to Vigil, on one screen; data only. The menu of the bot, the help and the bridge's
 * choice of who answers are all made from it.
 */

export type Command = {
  /** As it is typed, without the slash: a-z, 0-9 and _ (Bot API: BotCommand). */
  name: string;
  /** What may follow it. */
  usage?: string;
  /** One sentence: what it does. */
  about: string;
  /** `bridge`: the channel itself, also while all is halted or core hangs. `core`: core, in a lane that waits behind no turn. */
  who: 'bridge' | 'core';
  /** Known, but not worth a line in a menu. */
  hidden?: true;
};

export const commands: readonly Command[] = [
  { name: 'stop', about: 'Stop the answer that is being worked on here', who: 'core' },
  { name: 'new', about: 'Begin a new conversation', who: 'core' },
  { name: 'status', about: 'How Vigil is, what waits, what today has cost', who: 'bridge' },
  { name: 'cost', about: 'What was spent today and this month', who: 'core' },
  { name: 'model', usage: '[alias]', about: 'Show or choose what answers here', who: 'core' },
  {
    name: 'jobs',
    usage: '[pause|resume|delete <name>]',
    about: 'Show or change what is done on a schedule',
    who: 'core',
  },
  { name: 'task', usage: '<goal> check: …', about: 'Work on a goal until it is reached', who: 'core' },
  { name: 'memory', usage: '[words]', about: 'Show what is remembered, or search it', who: 'core' },
  { name: 'remember', usage: '<what>', about: 'Remember something', who: 'core' },
  { name: 'forget', usage: '<what>', about: 'Forget something for good', who: 'core' },
  {
    name: 'approve',
    usage: '[<id> once|always|deny]',
    about: 'Show or answer what waits for a yes, and what is always allowed',
    who: 'core',
  },
  { name: 'persona', about: 'Show the standing instructions', who: 'core' },
  { name: 'halt', usage: '[why]', about: 'Stop everything, at once, until /resume', who: 'bridge' },
  { name: 'resume', about: 'Go on after a halt', who: 'bridge' },
  { name: 'help', about: 'Show this list', who: 'bridge' },
  { name: 'start', usage: '[code]', about: 'Say hello, or pair with a code', who: 'bridge', hidden: true },
];

/**
 * A text as a command: `/name rest`, where a name may bear the bot that it is meant for (`/name@bot rest`). Null for what
 * is none. The name is in lower case, whether or not there is such a command.
 */
export function readCommand(text: string): { name: string; bot: string | null; rest: string } | null {
  const [, name = '', bot = null, rest = ''] = /^\/(\w{1,64})(?:@(\w+))?(?:\s+(.*))?$/su.exec(text) ?? [];
  return name === '' ? null : { name: name.toLowerCase(), bot, rest: rest.trim() };
}

/** The list, as it is told to whoever asks for help. */
export function commandList(): string {
  return commands
    .filter(({ hidden }) => !hidden)
    .map(({ name, usage, about }) => `/${name}${usage ? ` ${usage}` : ''}: ${about}`)
    .join('\n');
}
