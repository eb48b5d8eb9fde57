/** acknowledgement: the owner has seen an incident, and looks after it: it is not told again. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'acknowledgement',
  about: 'what the owner has seen, and looks after',
  pen: { record: 'alerts' },
  keeps: { days: 400, since: 'at' },
};

export type Acknowledgement = { incident_id: number; given_by: string; at: number };

export function ofIncidents(ids: readonly number[]): Query<Acknowledgement> {
  return {
    verb: 'acknowledgement.ofIncidents',
    sql: 'SELECT * FROM acknowledgement WHERE incident_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(ids)],
  };
}

export function add(acknowledgement: Acknowledgement): Op {
  const { incident_id, given_by, at } = acknowledgement;
  return {
    verb: 'acknowledgement.add',
    sql: 'INSERT INTO acknowledgement (incident_id, given_by, at) VALUES (?,?,?) ON CONFLICT DO NOTHING',
    args: [incident_id, given_by, at],
    durable: true,
  };
}
