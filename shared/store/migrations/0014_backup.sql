-- The backups that were made: each one here is whole and was checked.
CREATE TABLE backup (
  id           TEXT PRIMARY KEY,
  job          TEXT NOT NULL,
  made_at      INTEGER NOT NULL,
  took_ms      INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  store_bytes  INTEGER NOT NULL,
  -- Where it was copied to, and when: {"nas": 1763800000000}.
  copies_json  TEXT NOT NULL DEFAULT '{}',
  removed_at   INTEGER
) STRICT;
CREATE INDEX backup_made ON backup (made_at) WHERE removed_at IS NULL;

-- Backups that a person asked for.
CREATE TABLE backup_request (
  id          INTEGER PRIMARY KEY,
  asked_by    TEXT NOT NULL,
  asked_at    INTEGER NOT NULL,
  -- 1: those before it go once it is made: something was forgotten that they hold.
  alone       INTEGER NOT NULL DEFAULT 0,
  handled_at  INTEGER,
  outcome     TEXT
) STRICT;
CREATE INDEX backup_request_open ON backup_request (id) WHERE handled_at IS NULL;
