-- How good the answers are.

CREATE TABLE quality (
  day_at  INTEGER NOT NULL,
  model   TEXT NOT NULL,
  name    TEXT NOT NULL,
  value   REAL NOT NULL,
  PRIMARY KEY (day_at, model, name)
) STRICT, WITHOUT ROWID;

-- An answer held against its own sources by the fast tier.
CREATE TABLE answer_check (
  turn_id      TEXT PRIMARY KEY,
  model        TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('planned', 'asked', 'done', 'failed', 'skipped')),
  step         TEXT NOT NULL DEFAULT '',
  verdict      TEXT CHECK (verdict IN ('supported', 'unsupported', 'unclear')),
  claims_json  TEXT,
  problem      TEXT,
  attempts     INTEGER NOT NULL DEFAULT 0,
  due_at       INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  finished_at  INTEGER
) STRICT;

CREATE INDEX answer_check_open ON answer_check (due_at) WHERE state IN ('planned', 'asked');
CREATE INDEX answer_check_finished ON answer_check (finished_at) WHERE finished_at IS NOT NULL;

-- A day of each is read by the time at which it ended.
CREATE INDEX turn_finished ON turn (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX turn_held ON turn (changed_at) WHERE state = 'held';
CREATE INDEX slot_finished ON slot (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX task_finished ON task (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX task_held ON task (changed_at) WHERE state = 'held';
CREATE INDEX rating_at ON rating (at);
