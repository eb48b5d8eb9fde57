-- How the servers of [tools.mcp] are, as `tools` last saw them.
CREATE TABLE mcp_server (
  name      TEXT PRIMARY KEY,
  state     TEXT NOT NULL CHECK (state IN ('starting', 'ready', 'failed', 'halted')),
  error     TEXT,
  tools     INTEGER NOT NULL,
  since_at  INTEGER NOT NULL
) STRICT;
