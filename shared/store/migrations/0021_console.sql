-- Who may look at the console, and what was done there.

CREATE TABLE console_link (
  hash        TEXT PRIMARY KEY,   -- of the token in the link; a name of its own where none leads in
  kind        TEXT NOT NULL CHECK (kind IN ('in', 'end')),
  made_by     TEXT NOT NULL,
  made_at     INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER
) STRICT;

CREATE INDEX console_link_end ON console_link (made_at) WHERE kind = 'end';

CREATE TABLE console_session (
  path        TEXT PRIMARY KEY,   -- the random part of its addresses
  hash        TEXT NOT NULL,      -- of its cookie
  made_by     TEXT NOT NULL,
  agent       TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  seen_at     INTEGER NOT NULL,
  ended_at    INTEGER
) STRICT;

CREATE TABLE console_action (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  session  TEXT NOT NULL,
  by       TEXT NOT NULL,
  page     TEXT NOT NULL,
  action   TEXT NOT NULL,
  subject  TEXT,
  fields   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  outcome  TEXT                   -- NULL while it is being done
) STRICT;

CREATE INDEX console_action_at ON console_action (at);
