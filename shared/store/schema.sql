-- Generated from shared/store/migrations: the schema after migration 22.

CREATE TABLE access_key (
  name           TEXT PRIMARY KEY,
  hash           TEXT NOT NULL UNIQUE,
  aliases_json   TEXT,
  hour_nanousd   INTEGER,
  day_nanousd    INTEGER,
  month_nanousd  INTEGER,
  calls_per_hour INTEGER,
  created_at     INTEGER NOT NULL,
  revoked_at     INTEGER
) STRICT;

CREATE TABLE acknowledgement (
  incident_id  INTEGER PRIMARY KEY,
  given_by     TEXT NOT NULL,
  at           INTEGER NOT NULL
) STRICT;

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

CREATE TABLE allowance (
  id        INTEGER PRIMARY KEY,
  spend_id  TEXT NOT NULL,
  nanousd   INTEGER NOT NULL,
  given_by  TEXT NOT NULL,
  given_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX allowance_spend ON allowance (spend_id);

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

CREATE INDEX answer_check_finished ON answer_check (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX answer_check_open ON answer_check (due_at) WHERE state IN ('planned', 'asked');

CREATE TABLE approval (
  id            TEXT PRIMARY KEY,
  call_id       TEXT NOT NULL,
  turn_id       TEXT NOT NULL,
  conversation  TEXT NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('approval', 'question')),
  tool          TEXT NOT NULL,
  scope         TEXT NOT NULL,
  rule_json     TEXT,
  choices_json  TEXT NOT NULL,
  taint         TEXT,
  state         TEXT NOT NULL CHECK (state IN ('open', 'granted', 'answered', 'denied', 'expired', 'moot')),
  choice        TEXT,
  answered_by   TEXT,
  answered_at   INTEGER,
  asked_at      INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL
, grants_json TEXT) STRICT;

CREATE INDEX approval_open ON approval (expires_at) WHERE state = 'open';

CREATE TABLE attachment (
  id           INTEGER PRIMARY KEY,
  inbound_id   INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('photo', 'document', 'voice', 'audio', 'video', 'sticker')),
  file_id      TEXT NOT NULL,
  name         TEXT NOT NULL,
  mime         TEXT NOT NULL,
  bytes        INTEGER,
  state        TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'failed')),
  path         TEXT,
  text         TEXT,
  note         TEXT,
  attempt      INTEGER NOT NULL DEFAULT 0,
  due_at       INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  finished_at  INTEGER
) STRICT;

CREATE INDEX attachment_inbound ON attachment (inbound_id);

CREATE INDEX attachment_pending ON attachment (due_at) WHERE state = 'pending';

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

CREATE TABLE batch (
  seq           INTEGER PRIMARY KEY,
  call_id       TEXT NOT NULL UNIQUE,
  batch_id      TEXT,
  access_key    TEXT,
  provider      TEXT NOT NULL,
  organisation  TEXT NOT NULL,
  requests      INTEGER NOT NULL,
  custom_ids    TEXT NOT NULL,
  headers_json  TEXT NOT NULL,
  prices_json   TEXT NOT NULL,
  due_at        INTEGER,
  missed_at     INTEGER,
  info_json     TEXT,
  step          TEXT
) STRICT;

CREATE INDEX batch_due ON batch (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX batch_name ON batch (batch_id) WHERE batch_id IS NOT NULL;

CREATE INDEX batch_step ON batch (step) WHERE step IS NOT NULL;

CREATE TABLE breaker (
  target      TEXT PRIMARY KEY,
  state       TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half open')),
  failures    INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  error       TEXT
) STRICT;

CREATE TABLE call (
  id                     TEXT PRIMARY KEY,
  caller                 TEXT NOT NULL,
  turn_id                TEXT,
  provider               TEXT NOT NULL,
  model                  TEXT NOT NULL,
  stream                 INTEGER NOT NULL,
  state                  TEXT NOT NULL CHECK (state IN ('open', 'settled', 'abandoned')),
  owner                  TEXT NOT NULL,
  opened_at              INTEGER NOT NULL,
  hold_nanousd           INTEGER,
  price_rev              TEXT,
  closed_at              INTEGER,
  status                 INTEGER,
  error_type             TEXT,
  outcome                TEXT,
  request_id             TEXT,
  input_tokens           INTEGER,
  output_tokens          INTEGER,
  cache_read_tokens      INTEGER,
  cache_write_5m_tokens  INTEGER,
  cache_write_1h_tokens  INTEGER,
  estimated              INTEGER NOT NULL DEFAULT 0,
  cost_nanousd           INTEGER,
  first_byte_ms          INTEGER,
  latency_ms             INTEGER
, kind TEXT NOT NULL DEFAULT 'message' CHECK (kind IN ('message', 'batch')), request TEXT, attempt INTEGER NOT NULL DEFAULT 1, worker INTEGER NOT NULL DEFAULT 0, alias TEXT, task TEXT, conversation TEXT, unasked INTEGER NOT NULL DEFAULT 0, target TEXT, reason_json TEXT, windows_json TEXT NOT NULL DEFAULT '[]', web_searches INTEGER) STRICT;

CREATE INDEX call_closed ON call (closed_at, outcome, cost_nanousd) WHERE closed_at IS NOT NULL;

CREATE INDEX call_open ON call (worker, owner) WHERE state = 'open';

CREATE INDEX call_request ON call (request) WHERE request IS NOT NULL;

CREATE INDEX call_turn ON call (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE chat (
  chat          TEXT PRIMARY KEY,
  paused_at     INTEGER,
  paused_until_at  INTEGER
, muted_at INTEGER, muted_because TEXT, moved_to TEXT) STRICT;

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

CREATE TABLE conversation (
  conversation  TEXT PRIMARY KEY,
  alias         TEXT,
  fresh_at      INTEGER NOT NULL DEFAULT 0,
  changed_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE decision (
  id            TEXT PRIMARY KEY,
  turn_id       TEXT NOT NULL,
  round         INTEGER NOT NULL,
  call_id       TEXT,
  conversation  TEXT NOT NULL,
  sender        TEXT,
  model         TEXT,
  action        TEXT NOT NULL,
  subject_json  TEXT,
  reasoning     TEXT,
  confidence    REAL,
  at            INTEGER NOT NULL
) STRICT;

CREATE INDEX decision_action ON decision (action, at);

CREATE INDEX decision_at ON decision (at);

CREATE INDEX decision_conversation ON decision (conversation, at);

CREATE INDEX decision_model ON decision (model, at) WHERE model IS NOT NULL;

CREATE INDEX decision_tool ON decision (at) WHERE action >= 'tool ' AND action < 'tool!';

CREATE INDEX decision_turn ON decision (turn_id);

CREATE TABLE draft (
  turn_id       TEXT PRIMARY KEY,
  conversation  TEXT NOT NULL,
  channel       TEXT NOT NULL,
  chat          TEXT,
  message_ref   TEXT,
  text          TEXT NOT NULL,
  status        TEXT,
  open          INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX draft_open ON draft (changed_at) WHERE open = 1;

CREATE TABLE embedding (
  ref     INTEGER PRIMARY KEY,  -- of a passage; below 0, of a memory
  scope   TEXT NOT NULL,
  model   TEXT NOT NULL,
  norm    REAL NOT NULL,
  vector  BLOB NOT NULL         -- a signed byte for each dimension; none where the model would not take the text
) STRICT;

CREATE INDEX embedding_scope ON embedding (scope, model);

CREATE TABLE embedding_trial (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  alias      TEXT NOT NULL,     -- as it is asked for
  model      TEXT NOT NULL,     -- as its vectors are marked
  pairs      INTEGER NOT NULL,
  by_words   REAL NOT NULL,     -- the share found among the first ten
  by_both    REAL NOT NULL,
  better     INTEGER NOT NULL,
  worse      INTEGER NOT NULL,
  floor      REAL NOT NULL,     -- what is less near has nothing to do with a question
  weight     REAL NOT NULL,     -- how much it counts to be the nearest
  used       INTEGER NOT NULL,
  why        TEXT NOT NULL
) STRICT;

CREATE TABLE error (
  id         INTEGER PRIMARY KEY,
  service    TEXT NOT NULL,
  event      TEXT NOT NULL,
  type       TEXT NOT NULL,
  message    TEXT NOT NULL,
  trace      TEXT,
  recovery   TEXT NOT NULL,
  severity   TEXT NOT NULL CHECK (severity IN ('warning', 'error', 'fatal')),
  turn_id    TEXT,
  times      INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  last_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX error_at ON error (at);

CREATE INDEX error_turn ON error (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE exchange (
  call_id   TEXT PRIMARY KEY,
  at        INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  encoding  TEXT NOT NULL CHECK (encoding IN ('identity', 'gzip')),
  request   BLOB NOT NULL,
  response  BLOB NOT NULL
) STRICT;

CREATE INDEX exchange_at ON exchange (at, bytes);

CREATE TABLE external_call (
  id          INTEGER PRIMARY KEY,
  service     TEXT NOT NULL,
  target      TEXT NOT NULL,
  action      TEXT NOT NULL,
  payload     TEXT,
  status      TEXT NOT NULL,
  latency_ms  INTEGER NOT NULL,
  retries     INTEGER NOT NULL,
  turn_id     TEXT,
  at          INTEGER NOT NULL
) STRICT;

CREATE INDEX external_call_at ON external_call (at);

CREATE INDEX external_call_turn ON external_call (turn_id) WHERE turn_id IS NOT NULL;

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

CREATE TABLE fire (
  id        INTEGER PRIMARY KEY,
  job       TEXT NOT NULL,
  given_by  TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;

CREATE TABLE fold (
  source     TEXT PRIMARY KEY,
  upto       INTEGER NOT NULL,    -- the rowid of the last row that is folded
  since      INTEGER NOT NULL,    -- and of the first of those whose keys are known:
  keys_json  TEXT NOT NULL        -- rowids are given anew by a VACUUM, and when the last rows were removed
) STRICT;

CREATE TABLE fold_open (
  source  TEXT NOT NULL,
  key     TEXT NOT NULL,
  PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE heartbeat (
  service        TEXT NOT NULL,
  worker         INTEGER NOT NULL,
  pid            INTEGER NOT NULL,
  instance       TEXT NOT NULL,
  boot_id        TEXT NOT NULL,
  version        TEXT NOT NULL,
  phase          TEXT NOT NULL CHECK (phase IN ('starting', 'ready', 'stopping', 'stopped', 'misconfigured')),
  doing          TEXT NOT NULL,
  since_at       INTEGER NOT NULL,
  progressed_at  INTEGER NOT NULL,
  beat_at        INTEGER NOT NULL,
  rss_bytes      INTEGER NOT NULL,
  loop_delay_ms  REAL NOT NULL,
  problem        TEXT,
  PRIMARY KEY (service, worker)
) STRICT;

CREATE TABLE inbound (
  id            INTEGER PRIMARY KEY,
  source        TEXT NOT NULL,
  source_key    TEXT NOT NULL,
  channel       TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal', 'canary')),
  conversation  TEXT,
  chat          TEXT,
  sender        TEXT,
  text          TEXT,
  message_ref   TEXT,
  payload_json  TEXT NOT NULL,
  received_at   INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('pending', 'taken', 'answered', 'dead', 'refused', 'ignored')),
  turn_id       TEXT,
  note          TEXT, parts_json TEXT, edits TEXT, ready_at INTEGER NOT NULL DEFAULT 0, unasked INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, source_key)
) STRICT;

CREATE INDEX inbound_edits ON inbound (conversation, edits) WHERE edits IS NOT NULL;

CREATE INDEX inbound_pending ON inbound (id, conversation) WHERE state = 'pending';

CREATE INDEX inbound_ref ON inbound (conversation, message_ref) WHERE message_ref IS NOT NULL;

CREATE INDEX inbound_turn ON inbound (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE incident (
  id          INTEGER PRIMARY KEY,
  cause       TEXT NOT NULL,
  service     TEXT NOT NULL,
  severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  text        TEXT NOT NULL,
  opened_at   INTEGER NOT NULL,
  closed_at   INTEGER
) STRICT;

CREATE INDEX incident_closed ON incident (closed_at) WHERE closed_at IS NOT NULL;

CREATE UNIQUE INDEX incident_open ON incident (cause) WHERE closed_at IS NULL;

CREATE TABLE inspection (
  boot_id      TEXT PRIMARY KEY,
  finished_at  INTEGER NOT NULL,
  verdict      TEXT NOT NULL,
  took_ms      INTEGER NOT NULL
) STRICT;

CREATE TABLE mcp_server (
  name      TEXT PRIMARY KEY,
  state     TEXT NOT NULL CHECK (state IN ('starting', 'ready', 'failed', 'halted')),
  error     TEXT,
  tools     INTEGER NOT NULL,
  since_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE member (
  user_id   INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,
  role      TEXT NOT NULL CHECK (role IN ('owner')),
  given_by  TEXT NOT NULL,
  added_at  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER embedding_memory_delete AFTER DELETE ON memory BEGIN
  DELETE FROM embedding WHERE ref = -OLD.id;
END;

CREATE TRIGGER embedding_memory_update AFTER UPDATE OF text, scope, status ON memory
  WHEN OLD.text <> NEW.text OR OLD.scope <> NEW.scope OR NEW.status NOT IN ('active', 'disputed') BEGIN
  DELETE FROM embedding WHERE ref = -OLD.id;
END;

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

CREATE TRIGGER memory_fts_delete AFTER DELETE ON memory BEGIN
  INSERT INTO memory_fts (memory_fts, rowid, text) VALUES ('delete', OLD.id, OLD.text);
  INSERT INTO memory_fts (memory_fts) VALUES ('flush');
END;

CREATE TRIGGER memory_fts_insert AFTER INSERT ON memory BEGIN
  INSERT INTO memory_fts (rowid, text) VALUES (NEW.id, NEW.text);
END;

CREATE TRIGGER memory_fts_update AFTER UPDATE OF text ON memory BEGIN
  INSERT INTO memory_fts (memory_fts, rowid, text) VALUES ('delete', OLD.id, OLD.text);
  INSERT INTO memory_fts (memory_fts) VALUES ('flush');
  INSERT INTO memory_fts (rowid, text) VALUES (NEW.id, NEW.text);
END;

CREATE INDEX memory_due ON memory (due_at) WHERE status = 'active' AND due_at IS NOT NULL;

CREATE INDEX memory_ending ON memory (valid_to) WHERE status = 'active' AND valid_to IS NOT NULL;

CREATE INDEX memory_of_hash ON memory (scope, hash);

CREATE INDEX memory_of_slot ON memory (scope, slot) WHERE slot IS NOT NULL;

CREATE UNIQUE INDEX memory_period ON memory (scope, period, starts_at) WHERE status = 'active' AND kind = 'summary';

CREATE INDEX memory_run_of ON memory (run_id) WHERE run_id IS NOT NULL;

CREATE UNIQUE INDEX memory_same ON memory (scope, hash) WHERE status = 'active';

CREATE INDEX memory_scope ON memory (scope, status, kind);

CREATE INDEX memory_session ON memory (ends_at) WHERE status = 'active' AND period = 'session';

CREATE UNIQUE INDEX memory_slot ON memory (scope, slot) WHERE status = 'active' AND slot IS NOT NULL;

CREATE INDEX memory_summary ON memory (period, starts_at) WHERE status = 'active' AND kind = 'summary';

CREATE INDEX memory_superseded ON memory (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE INDEX memory_unasked ON memory (id) WHERE status IN ('proposed', 'disputed') AND asked_at IS NULL;

CREATE INDEX memory_waiting ON memory (scope, id) WHERE status IN ('proposed', 'disputed', 'quarantined');

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

CREATE TABLE memory_cursor (
  conversation  TEXT PRIMARY KEY,
  rule_id       INTEGER NOT NULL DEFAULT 0,
  model_id      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE VIRTUAL TABLE memory_fts USING fts5 (
  text, content = 'memory', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);

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

CREATE INDEX memory_run_asked ON memory_run (finished_at) WHERE how <> 'rule';

CREATE INDEX memory_run_batch ON memory_run (batch_ref) WHERE batch_ref IS NOT NULL;

CREATE INDEX memory_run_open ON memory_run (due_at) WHERE state IN ('planned', 'submitted', 'received');

CREATE INDEX memory_run_step ON memory_run (step) WHERE step IS NOT NULL;

CREATE TABLE memory_source (
  memory_id    INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
  message_id   INTEGER NOT NULL,
  quote_from   INTEGER,
  quote_to     INTEGER,
  PRIMARY KEY (memory_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memory_source_message ON memory_source (message_id);

CREATE TABLE message (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation  TEXT NOT NULL,
  role          TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  text          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  turn_id       TEXT NOT NULL,
  inbound_id    INTEGER
, parts_json TEXT, sender TEXT, round INTEGER, corrects INTEGER, trust INTEGER NOT NULL DEFAULT 0 CHECK (trust BETWEEN 0 AND 3)) STRICT;

CREATE INDEX message_conversation ON message (conversation, id);

CREATE INDEX message_corrects ON message (corrects) WHERE corrects IS NOT NULL;

CREATE INDEX message_inbound ON message (inbound_id) WHERE inbound_id IS NOT NULL;

CREATE INDEX message_turn ON message (turn_id);

CREATE TABLE metric (
  name    TEXT NOT NULL,
  labels  TEXT NOT NULL,          -- {"model":"…","status":"ok"}, its keys in the family's order
  value   REAL NOT NULL,
  PRIMARY KEY (name, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_hour (
  hour_at  INTEGER NOT NULL,
  name     TEXT NOT NULL,
  labels   TEXT NOT NULL,
  value    REAL NOT NULL,
  PRIMARY KEY (hour_at, name, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbound (
  id            INTEGER PRIMARY KEY,
  key           TEXT NOT NULL UNIQUE,
  channel       TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal', 'canary')),
  conversation  TEXT NOT NULL,
  chat          TEXT,
  kind          TEXT NOT NULL CHECK (kind IN ('reply', 'notice')),
  turn_id       TEXT,
  text          TEXT NOT NULL,
  message_ref   TEXT,
  state         TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'uncertain', 'dead')),
  part          INTEGER NOT NULL DEFAULT 0,
  refs_json     TEXT NOT NULL DEFAULT '[]',
  attempt       INTEGER NOT NULL DEFAULT 0,
  failures      INTEGER NOT NULL DEFAULT 0,
  uncertain     INTEGER NOT NULL DEFAULT 0,
  due_at        INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL,
  owner         TEXT,
  created_at    INTEGER NOT NULL,
  finished_at   INTEGER,
  error         TEXT
, buttons_json TEXT, format TEXT NOT NULL DEFAULT 'plain' CHECK (format IN ('plain', 'markdown')), file_json TEXT, edits_key TEXT, urgency TEXT NOT NULL DEFAULT 'asked' CHECK (urgency IN ('asked', 'unasked', 'critical'))) STRICT;

CREATE INDEX outbound_conversation ON outbound (conversation, id);

CREATE INDEX outbound_edits ON outbound (edits_key, id) WHERE edits_key IS NOT NULL;

CREATE INDEX outbound_queue ON outbound (channel, chat, id) WHERE state IN ('pending', 'sending', 'uncertain');

CREATE INDEX outbound_turn ON outbound (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE pairing (
  hash        TEXT PRIMARY KEY,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE pairing_attempt (
  id       INTEGER PRIMARY KEY,
  sender   TEXT NOT NULL,
  outcome  TEXT NOT NULL CHECK (outcome IN ('paired', 'wrong', 'refused')),
  hash     TEXT,
  at       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX pairing_attempt_used ON pairing_attempt (hash) WHERE outcome = 'paired';

CREATE INDEX pairing_attempt_wrong ON pairing_attempt (at, sender) WHERE outcome = 'wrong';

CREATE TRIGGER embedding_passage_delete AFTER DELETE ON passage BEGIN
  DELETE FROM embedding WHERE ref = OLD.id;
END;

CREATE TRIGGER embedding_passage_update AFTER UPDATE OF text, scope ON passage
  WHEN OLD.text <> NEW.text OR OLD.scope <> NEW.scope BEGIN
  DELETE FROM embedding WHERE ref = OLD.id;
END;

CREATE TABLE passage (
  id            INTEGER PRIMARY KEY,   -- of its message
  scope         TEXT NOT NULL,
  conversation  TEXT NOT NULL,
  turn_id       TEXT NOT NULL,
  role          TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  author        TEXT NOT NULL,
  at            INTEGER NOT NULL,
  trust         INTEGER NOT NULL,
  day           TEXT NOT NULL,
  text          TEXT NOT NULL,
  context       TEXT NOT NULL,
  pairs         TEXT NOT NULL          -- of scripts without spaces: each two characters that stand together
) STRICT;

CREATE TRIGGER passage_fts_delete AFTER DELETE ON passage BEGIN
  INSERT INTO passage_fts (passage_fts, rowid, text, context, author, day)
    VALUES ('delete', OLD.id, OLD.text, OLD.context, OLD.author, OLD.day);
  INSERT INTO passage_fts (passage_fts) VALUES ('flush');
END;

CREATE TRIGGER passage_fts_insert AFTER INSERT ON passage BEGIN
  INSERT INTO passage_fts (rowid, text, context, author, day) VALUES (NEW.id, NEW.text, NEW.context, NEW.author, NEW.day);
END;

CREATE TRIGGER passage_fts_update AFTER UPDATE OF text, context, author, day ON passage BEGIN
  INSERT INTO passage_fts (passage_fts, rowid, text, context, author, day)
    VALUES ('delete', OLD.id, OLD.text, OLD.context, OLD.author, OLD.day);
  INSERT INTO passage_fts (passage_fts) VALUES ('flush');
  INSERT INTO passage_fts (rowid, text, context, author, day) VALUES (NEW.id, NEW.text, NEW.context, NEW.author, NEW.day);
END;

CREATE TRIGGER passage_pairs_delete AFTER DELETE ON passage WHEN OLD.pairs <> '' BEGIN
  INSERT INTO passage_pairs (passage_pairs, rowid, pairs) VALUES ('delete', OLD.id, OLD.pairs);
  INSERT INTO passage_pairs (passage_pairs) VALUES ('flush');
END;

CREATE TRIGGER passage_pairs_in AFTER UPDATE OF pairs ON passage WHEN NEW.pairs <> '' BEGIN
  INSERT INTO passage_pairs (rowid, pairs) VALUES (NEW.id, NEW.pairs);
END;

CREATE TRIGGER passage_pairs_insert AFTER INSERT ON passage WHEN NEW.pairs <> '' BEGIN
  INSERT INTO passage_pairs (rowid, pairs) VALUES (NEW.id, NEW.pairs);
END;

CREATE TRIGGER passage_pairs_out AFTER UPDATE OF pairs ON passage WHEN OLD.pairs <> '' BEGIN
  INSERT INTO passage_pairs (passage_pairs, rowid, pairs) VALUES ('delete', OLD.id, OLD.pairs);
  INSERT INTO passage_pairs (passage_pairs) VALUES ('flush');
END;

CREATE INDEX passage_conversation ON passage (conversation, id);

CREATE INDEX passage_turn ON passage (turn_id);

CREATE TABLE passage_cursor (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  made_by  TEXT NOT NULL,
  upto_id  INTEGER NOT NULL
) STRICT;

CREATE VIRTUAL TABLE passage_fts USING fts5 (
  text, context, author, day, content = 'passage', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE VIRTUAL TABLE passage_pairs USING fts5 (pairs, content = 'passage', content_rowid = 'id', tokenize = 'unicode61');

CREATE TABLE permission (
  id          INTEGER PRIMARY KEY,
  tool        TEXT NOT NULL,
  rule_json   TEXT NOT NULL,
  scope       TEXT NOT NULL,
  given_by    TEXT NOT NULL,
  given_at    INTEGER NOT NULL,
  revoked_at  INTEGER
) STRICT;

CREATE TABLE poller (
  bot_id          INTEGER PRIMARY KEY,
  next_update_id  INTEGER NOT NULL,
  polled_at       INTEGER NOT NULL
, name TEXT, reads_groups INTEGER, heard_at INTEGER) STRICT;

CREATE TABLE presence (
  service    TEXT NOT NULL,
  slot_at    INTEGER NOT NULL,
  looks      INTEGER NOT NULL,
  up         INTEGER NOT NULL,
  rss_bytes  INTEGER NOT NULL,
  delay_ms   REAL NOT NULL,
  PRIMARY KEY (slot_at, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE press (
  id            INTEGER PRIMARY KEY,
  source        TEXT NOT NULL,
  source_key    TEXT NOT NULL,
  channel       TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal')),
  conversation  TEXT NOT NULL,
  chat          TEXT,
  sender        TEXT NOT NULL,
  data          TEXT NOT NULL,
  message_ref   TEXT,
  received_at   INTEGER NOT NULL,
  handled_at    INTEGER,
  outcome       TEXT, owner INTEGER NOT NULL DEFAULT 1,
  UNIQUE (source, source_key)
) STRICT;

CREATE INDEX press_pending ON press (id) WHERE handled_at IS NULL;

CREATE TABLE preview (
  turn_id     TEXT PRIMARY KEY,
  chat        TEXT NOT NULL,
  message_id  INTEGER,
  after_id    INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('sending', 'shown', 'ended', 'replaced', 'lost')),
  text_hash   TEXT NOT NULL,
  uncertain   INTEGER NOT NULL DEFAULT 0,
  draft_at    INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX preview_shown ON preview (turn_id) WHERE state IN ('sending', 'shown');

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

CREATE TABLE probe_request (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  watch     TEXT NOT NULL,
  asked_by  TEXT NOT NULL,
  asked_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE profile (
  scope       TEXT PRIMARY KEY,
  text        TEXT NOT NULL,
  items_json  TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;

CREATE TABLE quality (
  day_at  INTEGER NOT NULL,
  model   TEXT NOT NULL,
  name    TEXT NOT NULL,
  value   REAL NOT NULL,
  PRIMARY KEY (day_at, model, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE rating (
  turn_id  TEXT PRIMARY KEY,
  good     INTEGER NOT NULL,
  why      TEXT CHECK (why IN ('made up', 'not helpful')),
  sender   TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;

CREATE INDEX rating_at ON rating (at);

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

CREATE TABLE removal (
  id        INTEGER PRIMARY KEY,
  user_id   INTEGER NOT NULL,
  given_by  TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;

CREATE INDEX removal_user ON removal (user_id, at);

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

CREATE TABLE ruling (
  id          INTEGER PRIMARY KEY,
  about       TEXT NOT NULL,
  choice      TEXT NOT NULL,
  given_by    TEXT NOT NULL,
  given_at    INTEGER NOT NULL,
  handled_at  INTEGER,
  outcome     TEXT
) STRICT;

CREATE INDEX ruling_pending ON ruling (id) WHERE handled_at IS NULL;

CREATE TABLE schedule (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')),
  spec          TEXT NOT NULL,
  prompt        TEXT NOT NULL,
  conversation  TEXT NOT NULL,
  channel       TEXT NOT NULL,
  chat          TEXT,
  given_by      TEXT NOT NULL,
  at            INTEGER NOT NULL
, kind TEXT NOT NULL DEFAULT 'prompt' CHECK (kind IN ('prompt', 'command', 'house')), service TEXT, zone TEXT, missed TEXT NOT NULL DEFAULT 'once' CHECK (missed IN ('once', 'all', 'skip')), overlap TEXT NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue')), run_nanousd INTEGER, day_nanousd INTEGER, grants_json TEXT) STRICT;

CREATE INDEX schedule_name ON schedule (name, id);

CREATE TABLE share (
  path      TEXT PRIMARY KEY,
  mode      TEXT NOT NULL CHECK (mode IN ('read', 'write')),
  given_at  INTEGER NOT NULL
) STRICT;

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
  finished_at  INTEGER, schedule_id INTEGER, wanted_by TEXT,
  UNIQUE (job, due_at)
) STRICT;

CREATE INDEX slot_finished ON slot (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX slot_job ON slot (job, id);

CREATE INDEX slot_open ON slot (service, id) WHERE state IN ('due', 'started');

CREATE INDEX slot_time ON slot (job, due_at) WHERE wanted_by IS NULL;

CREATE TABLE slot_outcome (
  id       INTEGER PRIMARY KEY,
  slot_id  INTEGER NOT NULL,
  service  TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state IN ('started', 'done', 'failed', 'skipped')),
  reason   TEXT,
  at       INTEGER NOT NULL
) STRICT;

CREATE INDEX slot_outcome_slot ON slot_outcome (slot_id);

CREATE TABLE spend (
  id             TEXT PRIMARY KEY,
  budget         TEXT NOT NULL,
  starts_at      INTEGER NOT NULL,
  ends_at        INTEGER,
  limit_nanousd  INTEGER,
  limit_calls    INTEGER,
  spent_nanousd  INTEGER NOT NULL,
  held_nanousd   INTEGER NOT NULL,
  calls          INTEGER NOT NULL,
  alerted_at     INTEGER
) STRICT;

CREATE INDEX spend_period ON spend (ends_at) WHERE ends_at IS NOT NULL;

CREATE TABLE step (
  turn_id       TEXT NOT NULL,
  round         INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('heard', 'recalled', 'model', 'tools')),
  content_json  TEXT NOT NULL,
  stop_reason   TEXT,
  model         TEXT,
  call_id       TEXT,
  at            INTEGER NOT NULL,
  PRIMARY KEY (turn_id, round, kind)
) STRICT;

CREATE TABLE summary (
  id            INTEGER PRIMARY KEY,
  conversation  TEXT NOT NULL,
  upto_turn_id  TEXT NOT NULL,
  text          TEXT NOT NULL,
  taint         TEXT,
  call_id       TEXT,
  at            INTEGER NOT NULL
) STRICT;

CREATE INDEX summary_conversation ON summary (conversation, id);

CREATE TABLE taint (
  id       INTEGER PRIMARY KEY,
  turn_id  TEXT NOT NULL,
  source   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  UNIQUE (turn_id, source)
) STRICT;

CREATE TABLE task (
  id               INTEGER PRIMARY KEY,
  goal             TEXT NOT NULL,
  check_kind       TEXT NOT NULL CHECK (check_kind IN ('command', 'question')),
  check_text       TEXT NOT NULL,
  budget_nanousd   INTEGER NOT NULL,
  most_iterations  INTEGER NOT NULL,
  until_at         INTEGER NOT NULL,
  channel          TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal')),
  chat             TEXT,
  conversation     TEXT NOT NULL,
  sender           TEXT,
  state            TEXT NOT NULL CHECK (state IN ('running', 'paused', 'held', 'done', 'failed', 'cancelled')),
  phase            TEXT NOT NULL CHECK (phase IN ('work', 'check')),
  iteration        INTEGER NOT NULL DEFAULT 0,
  failures         INTEGER NOT NULL DEFAULT 0,
  turn_id          TEXT,
  spent_nanousd    INTEGER NOT NULL DEFAULT 0,
  note             TEXT,
  created_at       INTEGER NOT NULL,
  changed_at       INTEGER NOT NULL,
  finished_at      INTEGER
, due_at INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE INDEX task_conversation ON task (conversation, id);

CREATE INDEX task_finished ON task (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX task_held ON task (changed_at) WHERE state = 'held';

CREATE INDEX task_running ON task (id) WHERE state = 'running';

CREATE INDEX task_unfinished ON task (id) WHERE state IN ('running', 'paused', 'held');

CREATE TABLE telling (
  incident_id  INTEGER NOT NULL,
  phase        TEXT NOT NULL CHECK (phase IN ('begun', 'reminder', 'over')),
  nth          INTEGER NOT NULL DEFAULT 0,   -- of reminders, from 1
  message      TEXT NOT NULL,
  posted_at    INTEGER NOT NULL,
  told_at      INTEGER,
  routes_json  TEXT NOT NULL DEFAULT '{}',
  tries        INTEGER NOT NULL DEFAULT 0,
  due_at       INTEGER NOT NULL,
  error        TEXT,
  PRIMARY KEY (incident_id, phase, nth)
) STRICT;

CREATE INDEX telling_message ON telling (message);

CREATE INDEX telling_open ON telling (message) WHERE told_at IS NULL;

CREATE TABLE throttle (
  bucket            TEXT PRIMARY KEY,
  requests_at       REAL NOT NULL,
  tokens_at         REAL NOT NULL,
  blocked_until_at  INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE tombstone (
  hmac  TEXT PRIMARY KEY,
  kind  TEXT NOT NULL CHECK (kind IN ('turn', 'memory', 'text')),
  at    INTEGER NOT NULL
) STRICT;

CREATE TABLE tool (
  name         TEXT PRIMARY KEY,
  source       TEXT NOT NULL,
  description  TEXT NOT NULL,
  schema_json  TEXT NOT NULL,
  offer        TEXT NOT NULL CHECK (offer IN ('always', 'on demand')),
  repeatable   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE tool_call (
  id            TEXT PRIMARY KEY,
  turn_id       TEXT NOT NULL,
  round         INTEGER NOT NULL,
  place         INTEGER NOT NULL,
  use_id        TEXT NOT NULL,
  decision_id   TEXT,
  conversation  TEXT NOT NULL,
  channel       TEXT NOT NULL,
  chat          TEXT,
  sender        TEXT,
  tool          TEXT NOT NULL,
  input_json    TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('pending', 'asking', 'running', 'done', 'failed', 'denied', 'interrupted', 'cancelled')),
  attempt       INTEGER NOT NULL DEFAULT 0,
  owner         TEXT,
  approval_id   TEXT,
  result_json   TEXT,
  source        TEXT,
  created_at    INTEGER NOT NULL,
  started_at    INTEGER,
  finished_at   INTEGER
) STRICT;

CREATE INDEX tool_call_open ON tool_call (state, created_at) WHERE state IN ('pending', 'asking', 'running');

CREATE UNIQUE INDEX tool_call_place ON tool_call (turn_id, round, place);

CREATE INDEX tool_call_search ON tool_call (conversation, created_at) WHERE tool = 'web_search' AND state = 'done';

CREATE TABLE total (
  hour_at                INTEGER NOT NULL,
  model                  TEXT NOT NULL,
  alias                  TEXT NOT NULL,
  task                   TEXT NOT NULL,
  caller                 TEXT NOT NULL,
  conversation           TEXT NOT NULL,
  calls                  INTEGER NOT NULL,
  failures               INTEGER NOT NULL,
  input_tokens           INTEGER NOT NULL,
  output_tokens          INTEGER NOT NULL,
  cache_read_tokens      INTEGER NOT NULL,
  cache_write_5m_tokens  INTEGER NOT NULL,
  cache_write_1h_tokens  INTEGER NOT NULL,
  web_searches           INTEGER NOT NULL,
  cost_nanousd           INTEGER NOT NULL,
  estimated_nanousd      INTEGER NOT NULL,
  PRIMARY KEY (hour_at, model, alias, task, caller, conversation)
) STRICT, WITHOUT ROWID;

CREATE TABLE turn (
  id               TEXT PRIMARY KEY,
  conversation     TEXT NOT NULL,
  channel          TEXT NOT NULL,
  chat             TEXT,
  message_ref      TEXT,
  state            TEXT NOT NULL CHECK (state IN ('running', 'waiting', 'held', 'done', 'dead')),
  attempt          INTEGER NOT NULL,
  crashes          INTEGER NOT NULL DEFAULT 0,
  failures         INTEGER NOT NULL DEFAULT 0,
  faults           INTEGER NOT NULL DEFAULT 0,
  due_at           INTEGER NOT NULL,
  changed_at       INTEGER NOT NULL,
  owner            TEXT NOT NULL,
  boot_id          TEXT NOT NULL,
  lease_until_at   INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  first_failed_at  INTEGER,
  told_at          INTEGER,
  finished_at      INTEGER,
  error            TEXT
, spend_id TEXT, alias TEXT, sender TEXT, waits_for TEXT CHECK (waits_for IN ('model', 'budget', 'tools', 'owner')), unasked INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE UNIQUE INDEX turn_active ON turn (conversation) WHERE state IN ('running', 'waiting');

CREATE INDEX turn_conversation ON turn (conversation, id);

CREATE INDEX turn_due ON turn (due_at) WHERE state IN ('running', 'waiting');

CREATE INDEX turn_finished ON turn (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX turn_held ON turn (changed_at) WHERE state = 'held';

CREATE INDEX turn_stuck ON turn (state, id) WHERE state IN ('held', 'dead');

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
