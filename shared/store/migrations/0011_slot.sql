-- Every time at which something is due, and what came of it.
CREATE TABLE slot (
  id           INTEGER PRIMARY KEY,
  job          TEXT NOT NULL,
  due_at       INTEGER NOT NULL,
  -- The service whose work it is; NULL: a schedule of the owner's.
  service      TEXT,
  state        TEXT NOT NULL CHECK (state IN ('due', 'started', 'done', 'failed', 'skipped')),
  reason       TEXT,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  finished_at  INTEGER,
  UNIQUE (job, due_at)
) STRICT;
CREATE INDEX slot_open ON slot (service, id) WHERE state IN ('due', 'started');

-- What a service says of a slot whose work is its own.
CREATE TABLE slot_outcome (
  id       INTEGER PRIMARY KEY,
  slot_id  INTEGER NOT NULL,
  service  TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state IN ('started', 'done', 'failed', 'skipped')),
  reason   TEXT,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX slot_outcome_slot ON slot_outcome (slot_id);
