import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { readConversations } from './recall/locomo.ts';
import { FIRST, meanOf, ours, plain, sharesOf, storeOf } from './recall/measure.ts';

const ASSISTANT = join(import.meta.dirname, 'recall', 'assistant.json');
/** By a little less than it is, so that a weight may move without a word; a step back may not. */
const FLOOR = 0.85;

test('recall finds more of what an assistant was told than plain full-text search', async () => {
  const [conversation] = readConversations(ASSISTANT);
  assert.ok(conversation);
  const { store, close } = await storeOf(conversation);
  const measured = { plain: [] as ReturnType<typeof row>[], ours: [] as ReturnType<typeof row>[] };
  const row = (shares: number[]) => ({ conversation: '', category: '', shares });
  for (const { text, evidence } of conversation.questions) {
    measured.plain.push(row(sharesOf(await plain(store, text), evidence)));
    measured.ours.push(row(sharesOf(await ours(store, conversation, text), evidence)));
  }
  await close();
  const at = FIRST.indexOf(10);
  const [before = 0, now = 0] = [meanOf(measured.plain)[at], meanOf(measured.ours)[at]];
  assert.ok(now >= FLOOR, `of the evidence ${now} is among the first ten, expected ${FLOOR}`);
  assert.ok(now > before, `plain search finds ${before}, recall ${now}`);
});

test('the second set is what it is said to be: 4 people, 40 sessions and more, long replies, evidence in some of them', () => {
  const people = readConversations(ASSISTANT);
  const messages = people.flatMap((person) => person.messages);
  const replies = messages.filter(({ role }) => role === 'assistant');
  assert.ok(people.length >= 3 && messages.length >= 600);
  assert.ok(people.flatMap(({ questions }) => questions).length >= 120);
  assert.ok(replies.reduce((sum, { text }) => sum + text.length, 0) / replies.length > 600);
  const answered = people.flatMap(({ messages, questions }) =>
    questions.filter(({ evidence }) => [...evidence].some((id) => messages[id - 1]?.role === 'assistant')),
  );
  assert.ok(answered.length >= 20, `${answered.length} questions are answered by a reply`);
});

test('evidence that is written wrongly is repaired, or left out where it names nothing', (t) => {
  const file = join(scratch(t), 'set.json');
  const turn = (dia_id: string) => ({
    speaker: 'Ada',
    dia_id,
    text: 'x',
    query: 'what the annotator searched for',
  });
  const qa = (...evidence: string[]) => ({ question: 'x', category: 1, evidence });
  writeFileSync(
    file,
    JSON.stringify([
      {
        conversation: {
          session_8: [turn('D8:5'), turn('D8:6')],
          session_8_date_time: '1:56 pm on 8 May, 2023',
          session_30: [turn('D30:5')],
          session_30_date_time: '12:05 am on 1 June, 2023',
        },
        qa: [qa('D8:6; D30:5'), qa('D30:05'), qa('D'), qa('D:8:5', 'D9:1'), qa()],
      },
    ]),
  );
  const [conversation] = readConversations(file);
  assert.deepEqual(
    conversation?.questions.map(({ evidence }) => [...evidence]),
    [[2, 3], [3], [1]],
  );
  assert.ok(
    conversation?.messages.every(({ text }) => text === 'x'),
    'the search string is not read',
  );
  assert.equal(conversation?.messages[2]?.at, new Date(2023, 5, 1, 0, 5).getTime());
});
