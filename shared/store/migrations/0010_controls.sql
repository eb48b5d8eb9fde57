-- Whether whoever pressed is an owner. A check of a task that could not be made is made again later.
ALTER TABLE press ADD COLUMN owner INTEGER NOT NULL DEFAULT 1;
ALTER TABLE task ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX task_conversation ON task (conversation, id);
