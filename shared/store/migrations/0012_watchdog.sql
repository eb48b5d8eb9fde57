-- What the owner was told of an incident: that it has begun, that it goes on, that it is over. Those told in one message
-- share its name.
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
CREATE INDEX incident_closed ON incident (closed_at) WHERE closed_at IS NOT NULL;
