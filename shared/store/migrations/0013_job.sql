-- Jobs: what is done, under which rules, and what came of each of its times.
ALTER TABLE schedule ADD COLUMN kind TEXT NOT NULL DEFAULT 'prompt' CHECK (kind IN ('prompt', 'command', 'house'));
-- The service whose work it is, of a job of the house's own.
ALTER TABLE schedule ADD COLUMN service TEXT;
ALTER TABLE schedule ADD COLUMN zone TEXT;
ALTER TABLE schedule ADD COLUMN missed TEXT NOT NULL DEFAULT 'once' CHECK (missed IN ('once', 'all', 'skip'));
ALTER TABLE schedule ADD COLUMN overlap TEXT NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue'));
ALTER TABLE schedule ADD COLUMN run_nanousd INTEGER;
ALTER TABLE schedule ADD COLUMN day_nanousd INTEGER;
-- What its command may reach and write, as it was allowed when the job was made.
ALTER TABLE schedule ADD COLUMN grants_json TEXT;

ALTER TABLE slot ADD COLUMN schedule_id INTEGER;
-- The person who wanted it besides its job's times.
ALTER TABLE slot ADD COLUMN wanted_by TEXT;
CREATE INDEX slot_job ON slot (job, id);
CREATE INDEX slot_time ON slot (job, due_at) WHERE wanted_by IS NULL;

-- A run that a person wants now.
CREATE TABLE fire (
  id        INTEGER PRIMARY KEY,
  job       TEXT NOT NULL,
  given_by  TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;

ALTER TABLE outbound ADD COLUMN urgency TEXT NOT NULL DEFAULT 'asked' CHECK (urgency IN ('asked', 'unasked', 'critical'));
