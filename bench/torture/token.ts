/**
 * The tokens by which everything that was said is known again: `t3.17` is the 17th message of chat 3, `e3.20` the end of the
 * long answer to its 20th, and `c3.17` what a tool was to do for its 17th. Which tool that is follows from the number.
 */

export const TOKEN = /\b([te])(\d+)\.(\d+)\b/g;

export const isLong = (token: string) => token.endsWith('0');
export const endOf = (token: string) => token.replace('t', 'e');
export const chatOf = (token: string) => 1000 + Number.parseInt(token.slice(1), 10);
export const tokensIn = (text: string): string[] => text.match(TOKEN) ?? [];
/** As tools, and questions about them, name it: what a chat shows of them is no answer. */
export const calledFor = (token: string) => token.replace('t', 'c');
export const callsIn = (text: string): string[] => text.match(/\bc\d+\.\d+\b/g) ?? [];

export type Kind = 'run_command' | 'read_file' | 'remember' | 'schedule_create' | 'ask_owner';

/** The tool that a message wants; undefined: words are enough. */
export function wantedBy(token: string): Kind | undefined {
  const n = Number(token.split('.')[1]);
  if (n % 5 === 1) return 'run_command';
  if (n % 10 === 2) return 'read_file';
  if (n % 10 === 3) return 'remember';
  if (n % 10 === 4) return 'schedule_create';
  return n % 20 === 9 ? 'ask_owner' : undefined;
}
