-- Who may look at the console, and what was done there.

CREATE TABLE console_link (
  hash        TEXT PRIMARY KEY,   -- of the token in the link
  made_by     TEXT NOT NULL,
  made_at     INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER
) STRICT;

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
  outcome  TEXT NOT NULL
) STRICT;

CREATE INDEX console_action_at ON console_action (at);
