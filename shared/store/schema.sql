-- Generated from shared/store/migrations: the schema after migration 2.

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

CREATE TABLE allowance (
  id        INTEGER PRIMARY KEY,
  spend_id  TEXT NOT NULL,
  nanousd   INTEGER NOT NULL,
  given_by  TEXT NOT NULL,
  given_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX allowance_spend ON allowance (spend_id);

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

CREATE INDEX call_open ON call (worker, owner) WHERE state = 'open';

CREATE INDEX call_request ON call (request) WHERE request IS NOT NULL;

CREATE INDEX call_turn ON call (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE chat (
  chat          TEXT PRIMARY KEY,
  paused_at     INTEGER,
  paused_until_at  INTEGER
) STRICT;

CREATE TABLE exchange (
  call_id   TEXT PRIMARY KEY,
  at        INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  encoding  TEXT NOT NULL CHECK (encoding IN ('identity', 'gzip')),
  request   BLOB NOT NULL,
  response  BLOB NOT NULL
) STRICT;

CREATE INDEX exchange_at ON exchange (at, bytes);

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
  channel       TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal')),
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

CREATE TABLE incident (
  id          INTEGER PRIMARY KEY,
  cause       TEXT NOT NULL,
  service     TEXT NOT NULL,
  severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  text        TEXT NOT NULL,
  opened_at   INTEGER NOT NULL,
  closed_at   INTEGER,
  told_at     INTEGER
) STRICT;

CREATE UNIQUE INDEX incident_open ON incident (cause) WHERE closed_at IS NULL;

CREATE TABLE inspection (
  boot_id      TEXT PRIMARY KEY,
  finished_at  INTEGER NOT NULL,
  verdict      TEXT NOT NULL,
  took_ms      INTEGER NOT NULL
) STRICT;

CREATE TABLE message (
  id            INTEGER PRIMARY KEY,
  conversation  TEXT NOT NULL,
  role          TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  text          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  turn_id       TEXT NOT NULL,
  inbound_id    INTEGER
) STRICT;

CREATE INDEX message_conversation ON message (conversation, id);

CREATE TABLE outbound (
  id            INTEGER PRIMARY KEY,
  key           TEXT NOT NULL UNIQUE,
  channel       TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal')),
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
, buttons_json TEXT) STRICT;

CREATE INDEX outbound_conversation ON outbound (conversation, id);

CREATE INDEX outbound_queue ON outbound (channel, chat, id) WHERE state IN ('pending', 'sending', 'uncertain');

CREATE INDEX outbound_turn ON outbound (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE poller (
  bot_id          INTEGER PRIMARY KEY,
  next_update_id  INTEGER NOT NULL,
  polled_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE press (
  id            INTEGER PRIMARY KEY,
  source        TEXT NOT NULL,
  source_key    TEXT NOT NULL,
  conversation  TEXT NOT NULL,
  chat          TEXT NOT NULL,
  sender        TEXT NOT NULL,
  data          TEXT NOT NULL,
  message_ref   TEXT,
  received_at   INTEGER NOT NULL,
  handled_at    INTEGER,
  outcome       TEXT,
  UNIQUE (source, source_key)
) STRICT;

CREATE INDEX press_pending ON press (id) WHERE handled_at IS NULL;

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
  n             INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('model')),
  content_json  TEXT NOT NULL,
  stop_reason   TEXT,
  model         TEXT NOT NULL,
  at            INTEGER NOT NULL,
  PRIMARY KEY (turn_id, n)
) STRICT;

CREATE TABLE throttle (
  bucket            TEXT PRIMARY KEY,
  requests_at       REAL NOT NULL,
  tokens_at         REAL NOT NULL,
  blocked_until_at  INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL
) STRICT;

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
  state            TEXT NOT NULL CHECK (state IN ('running', 'waiting', 'done', 'dead')),
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
, spend_id TEXT, alias TEXT) STRICT;

CREATE UNIQUE INDEX turn_active ON turn (conversation) WHERE state IN ('running', 'waiting');

CREATE INDEX turn_due ON turn (due_at) WHERE state IN ('running', 'waiting');
