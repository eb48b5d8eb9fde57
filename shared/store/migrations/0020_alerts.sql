-- What the rules find, and what the owner said of it.

CREATE TABLE alert (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  rule         TEXT NOT NULL,
  labels       TEXT NOT NULL,
  severity     TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  state        TEXT NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
  value        REAL NOT NULL,
  text         TEXT NOT NULL,
  cause        TEXT NOT NULL,     -- of the incident by which it is told
  since_at     INTEGER NOT NULL,
  fired_at     INTEGER,
  seen_at      INTEGER NOT NULL,
  resolved_at  INTEGER
) STRICT;

CREATE UNIQUE INDEX alert_open ON alert (rule, labels) WHERE state <> 'resolved';

CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE silence (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  cause      TEXT NOT NULL,       -- of incidents; a * stands for anything
  reason     TEXT,
  given_by   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  until_at   INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT;

CREATE INDEX silence_until ON silence (until_at);

CREATE TABLE acknowledgement (
  incident_id  INTEGER PRIMARY KEY,
  given_by     TEXT NOT NULL,
  at           INTEGER NOT NULL
) STRICT;

CREATE TABLE alert_wish (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('acknowledge', 'silence', 'unsilence', 'test')),
  about       TEXT NOT NULL,      -- an incident's id, a cause, a silence's id
  reason      TEXT,
  until_at    INTEGER,
  given_by    TEXT NOT NULL,
  at          INTEGER NOT NULL,
  handled_at  INTEGER,
  outcome     TEXT
) STRICT;

CREATE INDEX alert_wish_pending ON alert_wish (id) WHERE handled_at IS NULL;
