-- How far what a message says may be believed: 3 the owner's own words, 2 the agent's where it had read nobody else's,
-- 1 another person's, 0 anything from outside, and what was said after reading it.
ALTER TABLE message ADD COLUMN trust INTEGER NOT NULL DEFAULT 0 CHECK (trust BETWEEN 0 AND 3);

-- What memory is asked to do, by whom, and what came of it.
CREATE TABLE wish (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  kind          TEXT NOT NULL CHECK (kind IN
                  ('remember', 'edit', 'pin', 'unpin', 'confirm', 'reject', 'forget', 'undo', 'consolidate')),
  scope         TEXT NOT NULL,
  conversation  TEXT,
  turn_id       TEXT,
  text          TEXT,
  memory_id     INTEGER,
  run_id        INTEGER,
  targets_json  TEXT,
  tainted       INTEGER NOT NULL,
  given_by      TEXT NOT NULL,
  at            INTEGER NOT NULL,
  state         TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'refused')),
  outcome       TEXT,
  handled_at    INTEGER
) STRICT;
CREATE INDEX wish_pending ON wish (id) WHERE state = 'pending';

CREATE TABLE memory (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  uid            TEXT NOT NULL UNIQUE,
  scope          TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('fact', 'preference', 'person', 'task', 'event', 'instruction', 'summary')),
  slot           TEXT,
  text           TEXT NOT NULL,
  hash           TEXT NOT NULL,
  status         TEXT NOT NULL CHECK (status IN
                   ('active', 'proposed', 'disputed', 'quarantined', 'superseded', 'retracted', 'expired')),
  origin         TEXT NOT NULL CHECK (origin IN ('owner', 'rule', 'model')),
  trust          INTEGER NOT NULL CHECK (trust BETWEEN 0 AND 3),
  confidence     REAL,
  valid_from     INTEGER,
  valid_to       INTEGER,
  due_at         INTEGER,
  period         TEXT CHECK (period IN ('session', 'day', 'week')),
  starts_at      INTEGER,
  ends_at        INTEGER,
  recorded_at    INTEGER NOT NULL,
  unrecorded_at  INTEGER,
  superseded_by  INTEGER REFERENCES memory (id) ON DELETE SET NULL,
  run_id         INTEGER,
  wish_id        INTEGER,
  pinned         INTEGER NOT NULL DEFAULT 0,
  asked_at       INTEGER,
  -- Whatever a prompt says: what was not said by the owner, or by the agent on the owner's words, is never in force.
  CHECK (trust >= 2 OR status IN ('quarantined', 'superseded', 'retracted', 'expired')),
  CHECK ((kind = 'summary') = (period IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX memory_slot ON memory (scope, slot) WHERE status = 'active' AND slot IS NOT NULL;
CREATE UNIQUE INDEX memory_same ON memory (scope, hash) WHERE status = 'active';
CREATE INDEX memory_summary ON memory (period, starts_at) WHERE status = 'active' AND kind = 'summary';
CREATE UNIQUE INDEX memory_period ON memory (scope, period, starts_at) WHERE status = 'active' AND kind = 'summary';
CREATE INDEX memory_scope ON memory (scope, status, kind);
CREATE INDEX memory_of_slot ON memory (scope, slot) WHERE slot IS NOT NULL;
CREATE INDEX memory_of_hash ON memory (scope, hash);
CREATE INDEX memory_ending ON memory (valid_to) WHERE status = 'active' AND valid_to IS NOT NULL;
CREATE INDEX memory_due ON memory (due_at) WHERE status = 'active' AND due_at IS NOT NULL;
CREATE INDEX memory_session ON memory (ends_at) WHERE status = 'active' AND period = 'session';
CREATE INDEX memory_superseded ON memory (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memory_run_of ON memory (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX memory_unasked ON memory (id) WHERE status IN ('proposed', 'disputed') AND asked_at IS NULL;
CREATE INDEX memory_waiting ON memory (scope, id) WHERE status IN ('proposed', 'disputed', 'quarantined');

-- What is remembered, by its words. With 'secure-delete' a word that was deleted is gone from the file.
CREATE VIRTUAL TABLE memory_fts USING fts5 (
  text, content = 'memory', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO memory_fts (memory_fts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER memory_fts_insert AFTER INSERT ON memory BEGIN
  INSERT INTO memory_fts (rowid, text) VALUES (NEW.id, NEW.text);
END;
CREATE TRIGGER memory_fts_delete AFTER DELETE ON memory BEGIN
  INSERT INTO memory_fts (memory_fts, rowid, text) VALUES ('delete', OLD.id, OLD.text);
  INSERT INTO memory_fts (memory_fts) VALUES ('flush');
END;
CREATE TRIGGER memory_fts_update AFTER UPDATE OF text ON memory BEGIN
  INSERT INTO memory_fts (memory_fts, rowid, text) VALUES ('delete', OLD.id, OLD.text);
  INSERT INTO memory_fts (memory_fts) VALUES ('flush');
  INSERT INTO memory_fts (rowid, text) VALUES (NEW.id, NEW.text);
END;

-- Where each memory is from: a message, and what in it.
CREATE TABLE memory_source (
  memory_id    INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
  message_id   INTEGER NOT NULL,
  quote_from   INTEGER,
  quote_to     INTEGER,
  PRIMARY KEY (memory_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_source_message ON memory_source (message_id);

-- One pass over new messages: by rule, or by a model, at once or in a batch of the provider's.
CREATE TABLE memory_run (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  scope          TEXT NOT NULL,
  conversation   TEXT NOT NULL,          -- '' where it sums up a period, of all that its scope holds
  period         TEXT CHECK (period IN ('day', 'week')),
  starts_at      INTEGER,
  how            TEXT NOT NULL CHECK (how IN ('rule', 'model', 'batch')),
  input_hash     TEXT NOT NULL UNIQUE,
  after_id       INTEGER NOT NULL,
  upto_id        INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN
                   ('planned', 'submitted', 'received', 'applied', 'failed', 'refused', 'undone')),
  step           TEXT,                   -- what it is asked under: asked again under it, it is not paid for again
  shown_json     TEXT,                   -- the ids of the memories that the model was shown
  batch_ref      TEXT,
  answer_json    TEXT,
  attempts       INTEGER NOT NULL DEFAULT 0,
  due_at         INTEGER NOT NULL,
  tokens         INTEGER,
  cost_nanousd   INTEGER,
  changes        INTEGER,
  rejected       INTEGER,
  problem        TEXT,
  created_at     INTEGER NOT NULL,
  finished_at    INTEGER
) STRICT;
CREATE INDEX memory_run_open ON memory_run (due_at) WHERE state IN ('planned', 'submitted', 'received');
CREATE INDEX memory_run_asked ON memory_run (finished_at) WHERE how <> 'rule';
CREATE INDEX memory_run_step ON memory_run (step) WHERE step IS NOT NULL;
CREATE INDEX memory_run_batch ON memory_run (batch_ref) WHERE batch_ref IS NOT NULL;

-- What was changed, in order, and what the row was before: ids and states, no words. So a run can be undone.
CREATE TABLE memory_change (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id       INTEGER,
  wish_id      INTEGER,
  seq          INTEGER NOT NULL,
  op           TEXT NOT NULL CHECK (op IN
                 ('add', 'confirm', 'supersede', 'retract', 'dispute', 'expire', 'pin', 'unpin', 'quarantine', 'forget', 'undo')),
  memory_id    INTEGER NOT NULL,
  other_id     INTEGER,
  before_json  TEXT,
  at           INTEGER NOT NULL,
  UNIQUE (run_id, seq),
  UNIQUE (wish_id, seq)
) STRICT;
CREATE INDEX memory_change_memory ON memory_change (memory_id);
CREATE INDEX memory_change_other ON memory_change (other_id) WHERE op = 'dispute';

-- How far each conversation has been read, and by what.
CREATE TABLE memory_cursor (
  conversation  TEXT PRIMARY KEY,
  rule_id       INTEGER NOT NULL DEFAULT 0,
  model_id      INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What was forgotten, so that it neither is learnt again nor returns with a backup: a keyed hash, no words.
CREATE TABLE tombstone (
  hmac  TEXT PRIMARY KEY,
  kind  TEXT NOT NULL CHECK (kind IN ('turn', 'memory', 'text')),
  at    INTEGER NOT NULL
) STRICT;

-- What the model is told of each scope before every conversation.
CREATE TABLE profile (
  scope       TEXT PRIMARY KEY,
  text        TEXT NOT NULL,
  items_json  TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;

-- What was recalled in each round of a turn, and why.
CREATE TABLE recalled (
  id         INTEGER PRIMARY KEY,
  turn_id    TEXT NOT NULL,
  round      INTEGER NOT NULL,
  place      INTEGER NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('message', 'memory')),
  ref        INTEGER NOT NULL,
  score      REAL NOT NULL,
  why_json   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  UNIQUE (turn_id, round, place)
) STRICT;
CREATE INDEX recalled_ref ON recalled (kind, ref);
