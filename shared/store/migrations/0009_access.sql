-- A code that lets whoever types it in, once. Only its hash is kept.
CREATE TABLE pairing (
  hash        TEXT PRIMARY KEY,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

-- Whoever typed one, right or wrong. A code is used by one row at most.
CREATE TABLE pairing_attempt (
  id       INTEGER PRIMARY KEY,
  sender   TEXT NOT NULL,
  outcome  TEXT NOT NULL CHECK (outcome IN ('paired', 'wrong', 'refused')),
  hash     TEXT,
  at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pairing_attempt_used ON pairing_attempt (hash) WHERE outcome = 'paired';
CREATE INDEX pairing_attempt_wrong ON pairing_attempt (at, sender) WHERE outcome = 'wrong';

-- Who was let in by a code, and who shall be let out.
CREATE TABLE member (
  user_id   INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,
  role      TEXT NOT NULL CHECK (role IN ('owner')),
  given_by  TEXT NOT NULL,
  added_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE removal (
  id        INTEGER PRIMARY KEY,
  user_id   INTEGER NOT NULL,
  given_by  TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX removal_user ON removal (user_id, at);

-- A chat that has shut the bot out, or has become another one.
ALTER TABLE chat ADD COLUMN muted_at INTEGER;
ALTER TABLE chat ADD COLUMN muted_because TEXT;
ALTER TABLE chat ADD COLUMN moved_to TEXT;

-- Who the bot is, and when Telegram was last heard from.
ALTER TABLE poller ADD COLUMN name TEXT;
ALTER TABLE poller ADD COLUMN reads_groups INTEGER;
ALTER TABLE poller ADD COLUMN heard_at INTEGER;
