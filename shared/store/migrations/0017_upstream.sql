-- What is watched outside: when it was looked at last, and what was seen.
CREATE TABLE probe (
  watch       TEXT PRIMARY KEY,
  about       TEXT NOT NULL,
  due_at      INTEGER NOT NULL,
  looked_at   INTEGER,
  ok_at       INTEGER,
  latency_ms  INTEGER,
  -- How often in a row it failed, and when the first of those was.
  failures    INTEGER NOT NULL DEFAULT 0,
  failed_at   INTEGER,
  error       TEXT,
  looks       INTEGER NOT NULL DEFAULT 0,
  good        INTEGER NOT NULL DEFAULT 0,
  seen_json   TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Whom somebody wants looked at now.
CREATE TABLE probe_request (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  watch     TEXT NOT NULL,
  asked_by  TEXT NOT NULL,
  asked_at  INTEGER NOT NULL
) STRICT;

-- What the owner should know of what is outside. An outage is told as an incident, news by a message of its own.
CREATE TABLE finding (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  cause          TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('outage', 'news')),
  severity       TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  text           TEXT NOT NULL,
  cure           TEXT,
  first_seen_at  INTEGER NOT NULL,
  last_seen_at   INTEGER NOT NULL,
  told_at        INTEGER,
  over_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX finding_open ON finding (cause) WHERE over_at IS NULL;
CREATE INDEX finding_over ON finding (over_at) WHERE over_at IS NOT NULL;
