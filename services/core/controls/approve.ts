/** What the owner says to approvals and about permissions. `tools` acts on it, and shows what came of it. */

import * as approval from '#shared/tables/approval.ts';
import * as permission from '#shared/tables/permission.ts';
import * as ruling from '#shared/tables/ruling.ts';
import { timeInWords } from '../time.ts';
import { type Act, type Control, type Desk, mayShow, only, settled } from './control.ts';

const CHOICES = ['once', 'always', 'deny'] as const;
/** An id is told by its end, which tells those apart that are open: its beginning is the time. */
const SHORTEST_ID = 6;

/** The buttons `once`, `always` and `deny`. */
export function ruled(choice: (typeof CHOICES)[number]): Act {
  return async (desk, press, id) => {
    const [found] = await desk.store.read(approval.of(id));
    return found ? give(desk, found, choice, press.sender, null) : settled;
  };
}

/** A button of a question: `<approval id>:<the choice's number>`. */
export const answer: Act = async (desk, press, rest) => {
  const [id = '', choice = ''] = rest.split(':');
  const [found] = await desk.store.read(approval.of(id));
  return found ? give(desk, found, choice, press.sender, null) : settled;
};

/** /approve: what waits, an answer to it, and what is always allowed. */
export const approve: Act = async (desk, press, rest) => {
  const [first = '', second = ''] = rest.split(/\s+/);
  if (first === 'permissions') return permissions(desk);
  if (first === 'revoke') return revoke(desk, second, press.sender);
  const open = (await desk.store.read(approval.open)).filter((one) => mayShow(press, one));
  if (first === '') return list(open);
  const meant = first.length >= SHORTEST_ID ? open.filter(({ id }) => id.endsWith(first.toLowerCase())) : [];
  const [found] = meant;
  if (meant.length > 1) return only('ambiguous', `Several end so; tell more of the id.\n\n${lines(meant)}`);
  if (!found) return only('unknown', `Nothing with that id waits for you.\n\n${list(open).tell}`);
  if (second === '')
    return only('no choice', `${lines([found])}\n\nSay /approve ${first} ${choicesOf(found)}.`);
  return give(desk, found, second.toLowerCase(), press.sender, `Passed on: ${second}, for ${found.scope}`);
};

function give(
  desk: Desk,
  found: approval.Approval,
  choice: string,
  by: string,
  tell: string | null,
): Control {
  if (found.state !== 'open') return settled;
  const choices: unknown[] = JSON.parse(found.choices_json);
  const fits =
    found.kind === 'question'
      ? /^\d{1,3}$/.test(choice) && Number(choice) < choices.length
      : choices.includes(choice);
  if (!fits) return only('no such choice', `That is not among the choices: ${choicesOf(found)}.`);
  const op = ruling.give({ about: `approval ${found.id}`, choice, by, now: desk.clock.now() });
  return { outcome: choice, tell, ops: [op] };
}

function choicesOf({ kind, choices_json }: approval.Approval): string {
  const choices: unknown[] = JSON.parse(choices_json);
  return kind === 'approval' ? choices.join('|') : choices.map((_, i) => i).join('|');
}

function lines(approvals: readonly approval.Approval[]): string {
  return approvals
    .map((one) => {
      const others = approvals.filter((other) => other !== one);
      let length = SHORTEST_ID;
      while (others.some(({ id }) => id.endsWith(one.id.slice(-length)))) length += 1;
      const about = `${one.id.slice(-length)}  ${one.tool}: ${one.scope} (until ${timeInWords(one.expires_at)})`;
      if (one.kind === 'approval') return about;
      const choices: unknown[] = JSON.parse(one.choices_json);
      return [about, ...choices.map((choice, i) => `    ${i}  ${choice}`)].join('\n');
    })
    .join('\n');
}

function list(open: readonly approval.Approval[]): Control {
  const more = 'What is always allowed: /approve permissions';
  if (open.length === 0) return only('listed', `Nothing waits for your yes.\n${more}`);
  return only('listed', `${lines(open)}\n\nSay /approve <id> once, always or deny.\n${more}`);
}

async function permissions(desk: Desk): Promise<Control> {
  const given = await desk.store.read(permission.inForce);
  if (given.length === 0) return only('listed', 'Nothing is always allowed.');
  const rows = given.map(({ id, tool, scope }) => `${id}. ${tool}: ${scope}`);
  return only('listed', `Always allowed:\n${rows.join('\n')}\n\nTo take one back: /approve revoke <number>`);
}

async function revoke(desk: Desk, number: string, by: string): Promise<Control> {
  const found = (await desk.store.read(permission.inForce)).find(({ id }) => String(id) === number);
  if (!found)
    return only('unknown', 'There is no permission of that number: /approve permissions lists them.');
  return {
    outcome: 'revoked',
    tell: `Taken back: ${found.tool}: ${found.scope}`,
    ops: [ruling.give({ about: `permission ${found.id}`, choice: 'revoke', by, now: desk.clock.now() })],
  };
}
