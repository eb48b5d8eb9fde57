/**
 * One pen per table, enforced on each connection: TEMP triggers refuse every write that the principal has no right
 * to, with a sentence that names both sides. They catch bugs; they are no security boundary (processes, users and
 * sandboxes are). One service besides the owner may remove rows: `backup`, those that have outlived what their table
 * keeps. And `memory` may take out of every table what is forgotten, while it is at that (`tables/erase.ts`).
 */

import { BRACKET, ERASING } from '../tables/erase.ts';
import type { Pen, Principal, Table } from '../tables/op.ts';
import { tooYoung } from '../tables/prune.ts';

type Verb = 'INSERT' | 'UPDATE' | 'DELETE';

/** Who holds the pen of a table, in words. */
function holder(pen: Pen): string {
  if ('record' in pen) return pen.record;
  return 'mailbox' in pen ? pen.mailbox : 'the service whose row it is';
}

function refusal(table: Table, verb: Verb, principal: Principal): string {
  const verbs = { INSERT: 'insert into', UPDATE: 'update', DELETE: 'delete from' };
  const rest =
    'mailbox' in table.pen ? `${principal} may only append to it` : `${principal} may only read it`;
  return `${principal} tried to ${verbs[verb]} ${table.name}, whose pen ${holder(table.pen)} holds: ${rest}`;
}

/** The writes of `table` that `principal` may not make, as SQL that refuses them. */
export function guardOf(table: Table, principal: Principal): string[] {
  const { pen } = table;
  if ('record' in pen && pen.record === principal) return [];
  if ('mailbox' in pen && pen.mailbox === principal) return [];
  const refused: Verb[] = 'mailbox' in pen ? ['UPDATE', 'DELETE'] : ['INSERT', 'UPDATE', 'DELETE'];
  return refused.map((verb) => {
    const row = verb === 'DELETE' ? 'OLD' : 'NEW';
    const conditions = [
      ...('ownRow' in pen ? [`${row}.${pen.ownRow} IS NOT ${quote(principal)}`] : []),
      ...(verb === 'DELETE' && principal === 'backup' ? [tooYoung(table.keeps)] : []),
      ...(principal === 'memory' && erases(table, verb) ? [`NOT ${ERASING}`] : []),
    ];
    const when = conditions.length > 0 ? `WHEN ${conditions.join(' AND ')}` : '';
    return `CREATE TEMP TRIGGER IF NOT EXISTS guard_${table.name}_${verb.toLowerCase()} BEFORE ${verb} ON main.${table.name} ${when}
      BEGIN SELECT RAISE(ABORT, ${quote(refusal(table, verb, principal))}); END`;
  });
}

/** Rows go only where the table says so; words may be struck anywhere. */
function erases({ erase }: Table, verb: Verb): boolean {
  return verb === 'UPDATE' || (verb === 'DELETE' && erase !== undefined && !erase.set);
}

/** What a connection needs before its guard: a place to say that it erases. */
export const GROUND = BRACKET;

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
