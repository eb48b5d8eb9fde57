/** What a page of the console is: how it is shown, and what can be done on it. */

import type { HtmlEscapedString } from 'hono/utils/html';
import type { Context } from '#shared/runtime/context.ts';
import type { Config } from './config.ts';

/** Text that is markup already. Whatever else is put into `html` is escaped, so no text of a model ever becomes markup. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export type Console = Context<Config>;

/** Somebody who was let in, and what they look at. */
export type Visit = {
  ctx: Console;
  /** What every address begins with: `/c/<random>`. */
  base: string;
  /** Who it is, for whatever is written down: `console <first letters of the session>`. */
  by: string;
  /** What follows the page's path: `decisions/<id>`; null where nothing does. */
  id: string | null;
  query: URLSearchParams;
};

export type Shown = {
  /** The page's own title, where it says more than its name. */
  title?: string;
  body: Html;
  status?: 404;
};

/** What came of an action, in a sentence. */
export type Done = {
  say: string;
  /** It was not done. */
  refused?: true;
  /** Where to go on from there, after `base`; the page itself when it says nothing. */
  to?: string;
  /** What it was done to, for the record. */
  subject?: string;
  /** What the record has instead of `say`, where that repeats words which can be forgotten elsewhere. */
  noted?: string;
};

/** @param form the fields of the form that was sent, each once */
export type Action = (visit: Visit, form: ReadonlyMap<string, string>) => Promise<Done>;

export type Page = {
  /** Its address after `base`, without slashes; `''` is the first. */
  path: string;
  /** Its name in the navigation. */
  name: string;
  /** It is reached from other pages alone. */
  hidden?: true;
  show(visit: Visit): Promise<Shown>;
  /** What is saved as a file, where the address says `?save=`; null: there is none. */
  save?(visit: Visit): Promise<{ name: string; text: string } | null>;
  /** Each is a POST to `<base>/<path>/do/<name>`. */
  actions?: Readonly<Record<string, Action>>;
};
