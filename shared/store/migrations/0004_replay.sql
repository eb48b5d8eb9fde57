-- The answers to what turns have asked, and those that are being made (`status` is null).
CREATE TABLE replay (
  step          TEXT PRIMARY KEY,
  turn_id       TEXT NOT NULL,
  worker        INTEGER NOT NULL,
  owner         TEXT NOT NULL,
  at            INTEGER NOT NULL,
  status        INTEGER,
  headers_json  TEXT,
  body          BLOB
) STRICT;
CREATE INDEX replay_at ON replay (at);
CREATE INDEX replay_making ON replay (worker, owner) WHERE status IS NULL;
