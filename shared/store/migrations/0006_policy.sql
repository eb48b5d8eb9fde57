-- What a call was granted, in the very words in which it was asked; and what the web was searched for, by conversation.
ALTER TABLE approval ADD COLUMN grants_json TEXT;
CREATE INDEX tool_call_search ON tool_call (conversation, created_at) WHERE tool = 'web_search' AND state = 'done';
