-- A service may run as several processes, its workers: each has a sign of life of its own.
DROP TABLE heartbeat;
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

-- The ledger: a row is now one attempt to have a request answered, and says why it went where it went.
ALTER TABLE call ADD COLUMN kind TEXT NOT NULL DEFAULT 'message' CHECK (kind IN ('message', 'batch'));
ALTER TABLE call ADD COLUMN request TEXT;
ALTER TABLE call ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE call ADD COLUMN worker INTEGER NOT NULL DEFAULT 0;
ALTER TABLE call ADD COLUMN alias TEXT;
ALTER TABLE call ADD COLUMN task TEXT;
ALTER TABLE call ADD COLUMN conversation TEXT;
ALTER TABLE call ADD COLUMN unasked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE call ADD COLUMN target TEXT;
ALTER TABLE call ADD COLUMN reason_json TEXT;
ALTER TABLE call ADD COLUMN windows_json TEXT NOT NULL DEFAULT '[]';
ALTER TABLE call ADD COLUMN web_searches INTEGER;
DROP INDEX call_open;
CREATE INDEX call_open ON call (worker, owner) WHERE state = 'open';
CREATE INDEX call_request ON call (request) WHERE request IS NOT NULL;

-- The message batches that were submitted through the router, and whose they are.
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
CREATE INDEX batch_step ON batch (step) WHERE step IS NOT NULL;
CREATE INDEX batch_due ON batch (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX batch_name ON batch (batch_id) WHERE batch_id IS NOT NULL;

-- What each budget has spent and reserved in each of its periods.
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

-- Money that the owner has added to one period of one budget.
CREATE TABLE allowance (
  id        INTEGER PRIMARY KEY,
  spend_id  TEXT NOT NULL,
  nanousd   INTEGER NOT NULL,
  given_by  TEXT NOT NULL,
  given_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX allowance_spend ON allowance (spend_id);

-- What the ledger adds up to, hour by hour.
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

-- The very bytes of a call, for a time.
CREATE TABLE exchange (
  call_id   TEXT PRIMARY KEY,
  at        INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  encoding  TEXT NOT NULL CHECK (encoding IN ('identity', 'gzip')),
  request   BLOB NOT NULL,
  response  BLOB NOT NULL
) STRICT;
CREATE INDEX exchange_at ON exchange (at, bytes);

-- Who has failed too often to be asked.
CREATE TABLE breaker (
  target      TEXT PRIMARY KEY,
  state       TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half open')),
  failures    INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  error       TEXT
) STRICT;

-- How much of a minute's requests and tokens is taken.
CREATE TABLE throttle (
  bucket            TEXT PRIMARY KEY,
  requests_at       REAL NOT NULL,
  tokens_at         REAL NOT NULL,
  blocked_until_at  INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL
) STRICT;

-- The keys that clients on this machine come with; of each, what proves it and not what it is.
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

-- What the owner must hear of.
CREATE TABLE incident (
  id          INTEGER PRIMARY KEY,
  cause       TEXT NOT NULL,
  service     TEXT NOT NULL,
  severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  text        TEXT NOT NULL,
  opened_at   INTEGER NOT NULL,
  closed_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX incident_open ON incident (cause) WHERE closed_at IS NULL;

-- What a turn that was refused for want of money waits for, and what answers it instead of the usual model.
ALTER TABLE turn ADD COLUMN spend_id TEXT;
ALTER TABLE turn ADD COLUMN alias TEXT;

-- A message may carry buttons; what the owner presses.
ALTER TABLE outbound ADD COLUMN buttons_json TEXT;
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
  outcome       TEXT,
  UNIQUE (source, source_key)
) STRICT;
CREATE INDEX press_pending ON press (id) WHERE handled_at IS NULL;
