/**
 * Who may talk to the bot, and where: those whom the config names, those who were let in by a code, and the groups of
 * the config. Looked up anew for each batch of updates, so that nobody has to start anything again.
 */

import { statSync } from 'node:fs';
import { readSection } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as chat from '#shared/tables/chat.ts';
import * as member from '#shared/tables/member.ts';
import { config, type Group } from './config.ts';

export type Access = {
  owners: ReadonlySet<number>;
  groups: readonly OpenGroup[];
};

/**
 * A group, by the number that its conversations go by for ever, and by all that it has had: what was said before it moved
 * may be read after.
 */
export type OpenGroup = Omit<Group, 'senders'> & {
  numbers: ReadonlySet<number>;
  senders: ReadonlySet<number>;
};

export type Settings = { owners: number[]; groups: Group[] };

type Desk = Pick<Context<Settings>, 'home' | 'config' | 'store' | 'log'>;

export function watchAccess(ctx: Desk): () => Promise<Access> {
  const file = ctx.home.config;
  let settings: Settings = ctx.config;
  let read_at = changedAt(file);

  return async () => {
    const changed_at = changedAt(file);
    if (changed_at !== read_at) {
      read_at = changed_at;
      try {
        settings = readSection(file, 'telegram', config);
        ctx.log.info('access.changed', { owners: settings.owners, groups: settings.groups.length });
      } catch (error) {
        // Half an edit must let nobody in and shut nobody out.
        ctx.log.error('access.unchanged', { error });
      }
    }
    return accessOf(settings, await ctx.store.read(member.current), await ctx.store.read(chat.moved));
  };
}

export function accessOf(
  settings: Settings,
  members: readonly Pick<member.Member, 'user_id'>[],
  moved: readonly { chat: string; moved_to: string }[],
): Access {
  const owners = new Set([...settings.owners, ...members.map(({ user_id }) => user_id)]);
  const next = new Map(moved.map((move) => [Number(move.chat), Number(move.moved_to)]));
  const groups = settings.groups.map((group) => {
    const numbers = new Set<number>();
    for (let at: number | undefined = group.chat; at !== undefined && !numbers.has(at); at = next.get(at)) {
      numbers.add(at);
    }
    return { ...group, numbers, senders: group.senders === 'members' ? owners : new Set(group.senders) };
  });
  return { owners, groups };
}

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
