-- What was said, as it is searched: each message once, with what stood beside it.
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
CREATE INDEX passage_turn ON passage (turn_id);
CREATE INDEX passage_conversation ON passage (conversation, id);

-- How far `message` has been read, and by which rules and owners what is there was made: others make it anew.
CREATE TABLE passage_cursor (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  made_by  TEXT NOT NULL,
  upto_id  INTEGER NOT NULL
) STRICT;
CREATE INDEX message_corrects ON message (corrects) WHERE corrects IS NOT NULL;

CREATE VIRTUAL TABLE passage_fts USING fts5 (
  text, context, author, day, content = 'passage', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE passage_pairs USING fts5 (pairs, content = 'passage', content_rowid = 'id', tokenize = 'unicode61');
-- Or words stay in the index after their row is gone.
INSERT INTO passage_fts (passage_fts, rank) VALUES ('secure-delete', 1);
INSERT INTO passage_pairs (passage_pairs, rank) VALUES ('secure-delete', 1);

-- Each removal is flushed, because a row that is removed and added again in one flush stays in the index with its old
-- words as well, where one of them occurs 128 times or more (SQLite 3.54.1: fts5FlushOneHash takes the first byte of the
-- list's size for all of it).
CREATE TRIGGER passage_fts_insert AFTER INSERT ON passage BEGIN
  INSERT INTO passage_fts (rowid, text, context, author, day) VALUES (NEW.id, NEW.text, NEW.context, NEW.author, NEW.day);
END;
CREATE TRIGGER passage_fts_delete AFTER DELETE ON passage BEGIN
  INSERT INTO passage_fts (passage_fts, rowid, text, context, author, day)
    VALUES ('delete', OLD.id, OLD.text, OLD.context, OLD.author, OLD.day);
  INSERT INTO passage_fts (passage_fts) VALUES ('flush');
END;
CREATE TRIGGER passage_fts_update AFTER UPDATE OF text, context, author, day ON passage BEGIN
  INSERT INTO passage_fts (passage_fts, rowid, text, context, author, day)
    VALUES ('delete', OLD.id, OLD.text, OLD.context, OLD.author, OLD.day);
  INSERT INTO passage_fts (passage_fts) VALUES ('flush');
  INSERT INTO passage_fts (rowid, text, context, author, day) VALUES (NEW.id, NEW.text, NEW.context, NEW.author, NEW.day);
END;
-- Most rows have no pairs, and are not in that index.
CREATE TRIGGER passage_pairs_insert AFTER INSERT ON passage WHEN NEW.pairs <> '' BEGIN
  INSERT INTO passage_pairs (rowid, pairs) VALUES (NEW.id, NEW.pairs);
END;
CREATE TRIGGER passage_pairs_delete AFTER DELETE ON passage WHEN OLD.pairs <> '' BEGIN
  INSERT INTO passage_pairs (passage_pairs, rowid, pairs) VALUES ('delete', OLD.id, OLD.pairs);
  INSERT INTO passage_pairs (passage_pairs) VALUES ('flush');
END;
CREATE TRIGGER passage_pairs_out AFTER UPDATE OF pairs ON passage WHEN OLD.pairs <> '' BEGIN
  INSERT INTO passage_pairs (passage_pairs, rowid, pairs) VALUES ('delete', OLD.id, OLD.pairs);
  INSERT INTO passage_pairs (passage_pairs) VALUES ('flush');
END;
CREATE TRIGGER passage_pairs_in AFTER UPDATE OF pairs ON passage WHEN NEW.pairs <> '' BEGIN
  INSERT INTO passage_pairs (rowid, pairs) VALUES (NEW.id, NEW.pairs);
END;
