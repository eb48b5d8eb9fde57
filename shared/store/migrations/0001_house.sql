-- Each service's sign of life.
CREATE TABLE heartbeat (
  service        TEXT PRIMARY KEY,
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
  problem        TEXT
) STRICT;

-- What came in, exactly as it came.
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
  note          TEXT,
  UNIQUE (source, source_key)
) STRICT;
CREATE INDEX inbound_pending ON inbound (id, conversation) WHERE state = 'pending';
CREATE INDEX inbound_turn ON inbound (turn_id) WHERE turn_id IS NOT NULL;

-- One answer in the making.
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
) STRICT;
-- One unfinished turn per conversation: this index is what keeps a conversation in order.
CREATE UNIQUE INDEX turn_active ON turn (conversation) WHERE state IN ('running', 'waiting');
CREATE INDEX turn_due ON turn (due_at) WHERE state IN ('running', 'waiting');
-- What came to no answer: looked at by people, among all that did.
CREATE INDEX turn_stuck ON turn (state, id) WHERE state IN ('held', 'dead');

-- What a turn has done so far, so that it resumes instead of beginning again.
CREATE TABLE step (
  turn_id       TEXT NOT NULL,
  n             INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('model')),
  content_json  TEXT NOT NULL,
  stop_reason   TEXT,
  model         TEXT NOT NULL,
  at            INTEGER NOT NULL,
  PRIMARY KEY (turn_id, n)
) STRICT;

-- The conversation as both sides know it.
CREATE TABLE message (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation  TEXT NOT NULL,
  role          TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  text          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  turn_id       TEXT NOT NULL,
  inbound_id    INTEGER
) STRICT;
CREATE INDEX message_conversation ON message (conversation, id);

-- The ledger: every model call, from its reservation to its bill.
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
) STRICT;
CREATE INDEX call_open ON call (owner) WHERE state = 'open';
CREATE INDEX call_turn ON call (turn_id) WHERE turn_id IS NOT NULL;

-- What goes out, and how far it got.
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
) STRICT;
-- The head of each chat's queue, without a look at what is finished.
CREATE INDEX outbound_queue ON outbound (channel, chat, id) WHERE state IN ('pending', 'sending', 'uncertain');
CREATE INDEX outbound_turn ON outbound (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX outbound_conversation ON outbound (conversation, id);

-- How far each bot has read.
CREATE TABLE poller (
  bot_id          INTEGER PRIMARY KEY,
  next_update_id  INTEGER NOT NULL,
  polled_at       INTEGER NOT NULL
) STRICT;

-- When Telegram has told us to be silent in a chat, and until when.
CREATE TABLE chat (
  chat          TEXT PRIMARY KEY,
  paused_at     INTEGER,
  paused_until_at  INTEGER
) STRICT;

-- The store's own check-up, once per boot of the machine.
CREATE TABLE inspection (
  boot_id      TEXT PRIMARY KEY,
  finished_at  INTEGER NOT NULL,
  verdict      TEXT NOT NULL,
  took_ms      INTEGER NOT NULL
) STRICT;
