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
  context       TEXT NOT NULL
) STRICT;
CREATE INDEX passage_turn ON passage (turn_id);
CREATE INDEX passage_conversation ON passage (conversation, id);
