-- What is counted for those who look: folded from the rows that are written anyway.

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

-- How far each table is folded. What was still going on when it was passed is in fold_open.
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

-- Whether each service was up, five minutes at a time.
CREATE TABLE presence (
  service    TEXT NOT NULL,
  slot_at    INTEGER NOT NULL,
  looks      INTEGER NOT NULL,
  up         INTEGER NOT NULL,
  rss_bytes  INTEGER NOT NULL,
  delay_ms   REAL NOT NULL,
  PRIMARY KEY (slot_at, service)
) STRICT, WITHOUT ROWID;

-- With what is asked of the latest: whether a model answered, and what an hour costs at this rate.
CREATE INDEX call_closed ON call (closed_at, outcome, cost_nanousd) WHERE closed_at IS NOT NULL;
