/** mcp_server: how the MCP servers of [tools.mcp] are, as `tools` last saw them. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'mcp_server',
  about: 'how each MCP server is',
  pen: { record: 'tools' },
  keeps: 'one row a server, while it is in the config',
};

export type McpServer = {
  name: string;
  state: 'starting' | 'ready' | 'failed' | 'halted';
  /** Why it is not ready. */
  error: string | null;
  /** How many tools it offered last. */
  tools: number;
  since_at: number;
};

export const all: Query<McpServer> = {
  verb: 'mcp_server.all',
  sql: 'SELECT * FROM mcp_server ORDER BY name',
  args: [],
};

export function tell({ name, state, error, tools, since_at }: McpServer): Op {
  return {
    verb: 'mcp_server.tell',
    sql: `INSERT INTO mcp_server (name, state, error, tools, since_at) VALUES (?,?,?,?,?)
          ON CONFLICT (name) DO UPDATE SET state = excluded.state, error = excluded.error, tools = excluded.tools,
            since_at = excluded.since_at`,
    args: [name, state, error, tools, since_at],
  };
}

export function forget(name: string): Op {
  return { verb: 'mcp_server.forget', sql: 'DELETE FROM mcp_server WHERE name = ?', args: [name] };
}
