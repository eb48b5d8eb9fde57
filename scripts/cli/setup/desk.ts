/**
 * How the first hour speaks with whoever is there: on a terminal it asks, otherwise it takes what Enter would. Narrow on
 * purpose: all fits 60 columns.
 */

import { styleText } from 'node:util';
import { Misconfigured } from '#shared/base/errors.ts';

/** Says what is wrong with an answer; undefined: nothing. */
export type Check = (value: string) => string | undefined;
export type Choice<Value extends string> = { value: Value; label: string; hint?: string };

export type Desk = {
  /** Somebody is there to be asked. */
  asks: boolean;
  title(text: string): void;
  say(text: string): void;
  warn(text: string): void;
  /** What somebody shall type or open: whole and on a line of its own, to be copied. */
  copy(text: string): void;
  /** What is typed is not shown. `where` it stands in a file of answers. */
  secret(question: string, where: string, check: Check): Promise<string>;
  line(question: string, preset: string, check: Check): Promise<string>;
  choose<Value extends string>(
    question: string,
    choices: readonly Choice<Value>[],
    preset: NoInfer<Value>,
  ): Promise<Value>;
  /** Whether what is there already stays; undefined: it does not, or there is nothing. */
  keep(question: string, value: string | undefined): Promise<string | undefined>;
  /** Shows that it is at it. */
  during<Result>(what: string, work: Promise<Result>): Promise<Result>;
};

/** Lines of that many columns, broken between words; a word that is longer stays whole. */
export function wrapped(text: string, columns: number): string {
  const broken = RegExp(`(?=.{${columns + 1}})(.{1,${columns}}) +`, 'g');
  return text.replace(broken, '$1\n');
}

/** What the guide at the left leaves. */
const columns = () => Math.max(20, (process.stdout.columns ?? 80) - 4);

/** Ctrl-C: whoever sat there has left. */
export class Left extends Error {
  override readonly name = 'Left';
}

/** Another process has gone on with it, and has ended. */
export class HandedOver extends Error {
  override readonly name = 'HandedOver';
  readonly code: number;
  constructor(code: number) {
    super(`the rest was done elsewhere (${code})`);
    this.code = code;
  }
}

/** @param out where the words go */
export function silentDesk(out: (text: string) => void): Desk {
  return {
    asks: false,
    title: (text) => out(`\n${text}\n`),
    say: (text) => out(`  ${text.replaceAll('\n', '\n  ')}\n`),
    warn: (text) => out(`! ${text.replaceAll('\n', '\n  ')}\n`),
    copy: (text) => out(`${text}\n`),
    async secret(question, where) {
      throw new Misconfigured(`setup: ${question}: nobody is here to be asked`, `put ${where}`);
    },
    line: async (_question, preset) => preset,
    choose: async (_question, _choices, preset) => preset,
    keep: async (_question, value) => value,
    during: (_what, work) => work,
  };
}

export async function terminalDesk(): Promise<Desk> {
  const { confirm, isCancel, log, password, select, text } = await import('@clack/prompts');
  // While nothing is asked, Ctrl-C is a signal.
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => {});
  process.on('SIGINT', () => left.reject(new Left('the setup was left')));
  function answered<Value>(value: Value): Exclude<Value, symbol> {
    if (isCancel(value)) throw new Left('the setup was left');
    return value as Exclude<Value, symbol>;
  }
  return {
    asks: true,
    title: (words) => log.step(styleText('bold', words)),
    say: (words) => log.message(wrapped(words, columns())),
    warn: (words) => log.warn(wrapped(words, columns())),
    copy: (words) => void process.stdout.write(`\n${words}\n`),
    async secret(message, _where, check) {
      return answered(
        await password({ message, mask: '•', validate: (value) => check((value ?? '').trim()) }),
      ).trim();
    },
    async line(message, preset, check) {
      const validate = (value: string | undefined) => check((value || preset).trim());
      return (
        answered(await text({ message, initialValue: preset, defaultValue: preset, validate })).trim() ||
        preset
      );
    },
    async choose(message, choices, preset) {
      // Its own types ask for a label exactly where the value has no words of its own.
      const options = choices.map((choice) => ({ ...choice })) as Parameters<
        typeof select<(typeof choices)[number]['value']>
      >[0]['options'];
      return answered(await select({ message, options, initialValue: preset, showInstructions: false }));
    },
    async keep(message, value) {
      if (value === undefined) return undefined;
      return answered(await confirm({ message })) ? value : undefined;
    },
    // Its spinner would end the process at Ctrl-C, and leave what was begun.
    async during(what, work) {
      log.message(styleText('dim', `${what} …`));
      return Promise.race([work, left.promise]);
    },
  };
}
