-- What was said and is remembered, as vectors: there are rows only while [memory] embed names a model that makes them.
CREATE TABLE embedding (
  ref     INTEGER PRIMARY KEY,  -- of a passage; below 0, of a memory
  scope   TEXT NOT NULL,
  model   TEXT NOT NULL,
  norm    REAL NOT NULL,
  vector  BLOB NOT NULL         -- a signed byte for each dimension; none where the model would not take the text
) STRICT;
CREATE INDEX embedding_scope ON embedding (scope, model);

-- A vector goes with its words, whoever takes them away or changes them.
CREATE TRIGGER embedding_passage_delete AFTER DELETE ON passage BEGIN
  DELETE FROM embedding WHERE ref = OLD.id;
END;
CREATE TRIGGER embedding_passage_update AFTER UPDATE OF text, scope ON passage
  WHEN OLD.text <> NEW.text OR OLD.scope <> NEW.scope BEGIN
  DELETE FROM embedding WHERE ref = OLD.id;
END;
CREATE TRIGGER embedding_memory_delete AFTER DELETE ON memory BEGIN
  DELETE FROM embedding WHERE ref = -OLD.id;
END;
CREATE TRIGGER embedding_memory_update AFTER UPDATE OF text, scope, status ON memory
  WHEN OLD.text <> NEW.text OR OLD.scope <> NEW.scope OR NEW.status NOT IN ('active', 'disputed') BEGIN
  DELETE FROM embedding WHERE ref = -OLD.id;
END;

-- Whether vectors find more of the owner's own words than words alone do. The latest decides whether they are used.
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
