/** tool: what the model can be offered. `tools` tells it at its start and whenever it changes; core offers it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'tool',
  about: 'the tools that there are',
  pen: { record: 'tools' },
  keeps: 'one row a tool',
};

export type Tool = {
  name: string;
  /** `built in`, `mcp <server>` or `skill`. */
  source: string;
  description: string;
  /** JSON Schema of its input. */
  schema_json: string;
  /** `always`: in every request. `on demand`: found with `find_tools`, called with `use_tool`. */
  offer: 'always' | 'on demand';
  /** To run it twice does no harm: after a crash it is run again. */
  repeatable: number;
  changed_at: number;
};

export const all: Query<Tool> = { verb: 'tool.all', sql: 'SELECT * FROM tool ORDER BY name', args: [] };

export function offer(tool: Tool): Op {
  return {
    verb: 'tool.offer',
    sql: `INSERT INTO tool (name, source, description, schema_json, offer, repeatable, changed_at) VALUES (?,?,?,?,?,?,?)
          ON CONFLICT (name) DO UPDATE SET source = excluded.source, description = excluded.description,
            schema_json = excluded.schema_json, offer = excluded.offer, repeatable = excluded.repeatable,
            changed_at = excluded.changed_at`,
    args: [
      tool.name,
      tool.source,
      tool.description,
      tool.schema_json,
      tool.offer,
      tool.repeatable,
      tool.changed_at,
    ],
  };
}

/** Takes the tools of `source` back, or all but those named. */
export function withdraw(source: string, except: readonly string[] = []): Op {
  return {
    verb: 'tool.withdraw',
    sql: 'DELETE FROM tool WHERE source = ? AND name NOT IN (SELECT value FROM json_each(?))',
    args: [source, JSON.stringify(except)],
  };
}
