-- A message may be made of parts (quotes, forwards, files), wait for the rest of its album, or correct another one.
ALTER TABLE inbound ADD COLUMN parts_json TEXT;
ALTER TABLE inbound ADD COLUMN edits TEXT;
ALTER TABLE inbound ADD COLUMN ready_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN unasked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX inbound_ref ON inbound (conversation, message_ref) WHERE message_ref IS NOT NULL;
CREATE INDEX inbound_edits ON inbound (conversation, edits) WHERE edits IS NOT NULL;

-- A file that came with a message: where it lies once it has been fetched, and what it says.
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

-- A turn takes several rounds: in each the model is asked once, and its tools run. It rests while somebody else is at it.
CREATE INDEX turn_conversation ON turn (conversation, id);
ALTER TABLE turn ADD COLUMN sender TEXT;
ALTER TABLE turn ADD COLUMN waits_for TEXT CHECK (waits_for IN ('model', 'budget', 'tools', 'owner'));
ALTER TABLE turn ADD COLUMN unasked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN parts_json TEXT;
ALTER TABLE message ADD COLUMN sender TEXT;
ALTER TABLE message ADD COLUMN round INTEGER;
ALTER TABLE message ADD COLUMN corrects INTEGER;
CREATE INDEX message_inbound ON message (inbound_id) WHERE inbound_id IS NOT NULL;
CREATE INDEX message_turn ON message (turn_id);

DROP TABLE step;
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

-- What the owner has chosen for a conversation, and from where on it is read.
CREATE TABLE conversation (
  conversation  TEXT PRIMARY KEY,
  alias         TEXT,
  fresh_at      INTEGER NOT NULL DEFAULT 0,
  changed_at    INTEGER NOT NULL
) STRICT;

-- What a conversation came to, up to a turn; the turns themselves stay.
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

-- The answer that is being written, for those who like to watch.
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

-- What was chosen, by whom, on what grounds.
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
CREATE INDEX decision_turn ON decision (turn_id);
CREATE INDEX decision_at ON decision (at);
-- A list of them is read in the order of time, whatever it is narrowed by; without the ids, which would double these.
CREATE INDEX decision_action ON decision (action, at);
CREATE INDEX decision_model ON decision (model, at) WHERE model IS NOT NULL;
CREATE INDEX decision_conversation ON decision (conversation, at);
CREATE INDEX decision_tool ON decision (at) WHERE action >= 'tool ' AND action < 'tool!';

-- What the owner thought of an answer.
CREATE TABLE rating (
  turn_id  TEXT PRIMARY KEY,
  good     INTEGER NOT NULL,
  why      TEXT CHECK (why IN ('made up', 'not helpful')),
  sender   TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;

-- A long piece of work: a goal, and how one sees that it is reached.
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
) STRICT;
CREATE INDEX task_running ON task (id) WHERE state = 'running';
CREATE INDEX task_unfinished ON task (id) WHERE state IN ('running', 'paused', 'held');

-- What the model can be offered.
CREATE TABLE tool (
  name         TEXT PRIMARY KEY,
  source       TEXT NOT NULL,
  description  TEXT NOT NULL,
  schema_json  TEXT NOT NULL,
  offer        TEXT NOT NULL CHECK (offer IN ('always', 'on demand')),
  repeatable   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL
) STRICT;

-- Each call of a tool, from the model's wish to the outcome.
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
CREATE UNIQUE INDEX tool_call_place ON tool_call (turn_id, round, place);
CREATE INDEX tool_call_open ON tool_call (state, created_at) WHERE state IN ('pending', 'asking', 'running');

-- What the owner is asked before a tool may run, and what came of it.
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
) STRICT;
CREATE INDEX approval_open ON approval (expires_at) WHERE state = 'open';

-- What the owner has said to an approval or about a permission; `tools` acts on it.
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

-- What was always allowed.
CREATE TABLE permission (
  id          INTEGER PRIMARY KEY,
  tool        TEXT NOT NULL,
  rule_json   TEXT NOT NULL,
  scope       TEXT NOT NULL,
  given_by    TEXT NOT NULL,
  given_at    INTEGER NOT NULL,
  revoked_at  INTEGER
) STRICT;

-- Which words of strangers a turn has read.
CREATE TABLE taint (
  id       INTEGER PRIMARY KEY,
  turn_id  TEXT NOT NULL,
  source   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  UNIQUE (turn_id, source)
) STRICT;

-- Folders of the owner's that the sandbox may see.
CREATE TABLE share (
  path      TEXT PRIMARY KEY,
  mode      TEXT NOT NULL CHECK (mode IN ('read', 'write')),
  given_at  INTEGER NOT NULL
) STRICT;

-- What shall be done when. Each row is one state of a schedule; the newest counts.
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
) STRICT;
CREATE INDEX schedule_name ON schedule (name, id);

-- A message may bear a file, be written in Markdown, or take the place of an earlier one.
ALTER TABLE outbound ADD COLUMN format TEXT NOT NULL DEFAULT 'plain' CHECK (format IN ('plain', 'markdown'));
ALTER TABLE outbound ADD COLUMN file_json TEXT;
ALTER TABLE outbound ADD COLUMN edits_key TEXT;

-- What a service asked of the world outside, models apart, and what went wrong in it.
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
