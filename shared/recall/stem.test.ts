import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { stemOf } from './stem.ts';

test('a word has the stem that the index gives it', () => {
  const words = `caresses ponies cats feed agreed plastered motoring sing conflated troubled sized hopping falling hissing
    failing filing happy sky relational conditional radically operator feudalism decisiveness hopefulness callousness
    formality sensitivity triplicate formative electrical goodness revival allowance airliner adjustment adoption probate
    rate cease controlling roll dancing paintings hiking studies playing education yes was cottage violinist rehearsals`;
  const db = new Database(':memory:');
  db.exec(`CREATE VIRTUAL TABLE word USING fts5 (text, tokenize = 'porter unicode61');
    CREATE VIRTUAL TABLE stem USING fts5vocab (word, instance)`);
  const indexed = (word: string) => {
    db.prepare('DELETE FROM word').run();
    db.prepare('INSERT INTO word (text) VALUES (?)').run(word);
    return db.prepare('SELECT term FROM stem').pluck().get();
  };
  for (const word of words.split(/\s+/)) assert.equal(stemOf(word), indexed(word), word);
  db.close();
});

test('what is no English word stays as it is', () => {
  for (const word of ['4711', 'über', 'привет', '京都', 'x']) assert.equal(stemOf(word), word);
});
