-- What a chat shows of an answer that is being written, and how far that got.
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

-- Which messages were sent under a key, by the message itself or by an edit of it.
CREATE INDEX outbound_edits ON outbound (edits_key, id) WHERE edits_key IS NOT NULL;
