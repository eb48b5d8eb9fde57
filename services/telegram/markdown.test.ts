import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixText } from '#shared/testing/bot-api/text.ts';
import { openJudge } from '#shared/testing/tdlib.ts';
import { piecesOf, previewOf } from './compose.ts';
import { render } from './markdown.ts';
import { LONGEST_PART, splitFormatted } from './split.ts';

const textOf = (markdown: string) => render(markdown).text;
/** What is shown, each styled stretch as `type: text`. */
const styled = (markdown: string) => {
  const { text, entities } = render(markdown);
  return entities.map((entity) => {
    const more =
      entity.type === 'text_link'
        ? ` ${entity.url}`
        : entity.type === 'pre'
          ? ` ${entity.language ?? ''}`
          : '';
    return `${entity.type}${more}: ${text.slice(entity.offset, entity.offset + entity.length)}`;
  });
};

test('what models write looks as it is meant', () => {
  assert.deepEqual(styled('# Title\n\n**b** *i* ~~s~~ `c` ||hidden **b**||'), [
    'bold: Title',
    'bold: b',
    'italic: i',
    'strikethrough: s',
    'code: c',
    'spoiler: hidden b',
    'bold: b',
  ]);
  assert.deepEqual(styled('```ts\n  const a = 1;\n```'), ['pre ts:   const a = 1;']);
  assert.deepEqual(styled('> one\n> > two'), ['blockquote: one\n\n> two']);
  assert.deepEqual(
    styled(`> ${'long '.repeat(101)}`).map((one) => one.slice(0, 21)),
    ['expandable_blockquote'],
  );
  assert.equal(textOf('<b>raw</b> and <br>'), '<b>raw</b> and <br>');
  assert.equal(textOf('A note[^1].\n\n[^1]: below\n\nlast'), 'A note[1].\n\nlast\n\n[1] below');
});

test('lists keep their numbers, their boxes and their nesting', () => {
  const list = '3. three\n4. four\n   - nested\n     - deeper\n\n- [x] done\n- [ ] open';
  assert.equal(textOf(list), '3. three\n4. four\n    • nested\n       • deeper\n\n☑ done\n☐ open');
});

test('columns of a table are aligned by what the eye sees, not by code units', () => {
  const table = '| a | 漢字 | n |\n|:--|:-:|--:|\n| x | 😀 | 12 |\n| long | b | 3 |';
  assert.equal(textOf(table), 'a    │ 漢字 │  n\n─────┼──────┼───\nx    │  😀  │ 12\nlong │  b   │  3');
  assert.deepEqual(
    styled(table).map((one) => one.slice(0, 4)),
    ['pre '],
  );
});

test('a link that Telegram would refuse is text with its address, and the message goes', () => {
  assert.deepEqual(styled('[ok](https://example.com/a?b=1) [tg](tg://resolve?domain=x)'), [
    'text_link https://example.com/a?b=1: ok',
    'text_link tg://resolve?domain=x: tg',
  ]);
  for (const bad of [
    'http://localhost:3000/a',
    'docs/a.md',
    'javascript:alert(1)',
    'mailto:x@y.z',
    'https://u:p@a.b',
  ]) {
    assert.deepEqual([styled(`[label](${bad})`), textOf(`[label](${bad})`)], [[], `label (${bad})`], bad);
  }
  assert.equal(textOf('<a@b.co> www.x.org'), 'a@b.co www.x.org', 'what is its own address is not said twice');
});

test('formulas stay as they are written, and prices are no formulas', () => {
  for (const text of [
    '\\(x_1 * y_2 * z\\)',
    '$a_b * c_d * e$',
    '$$\n\\alpha_1 * \\{b\\} * c\n$$',
    '\\[ a*b*c \\]',
  ]) {
    assert.deepEqual([textOf(text), styled(text)], [text, []]);
  }
  assert.deepEqual(styled('between $5 and *really* $6'), ['italic: really']);
  assert.equal(textOf('`echo $a_b and $c_d`'), 'echo $a_b and $c_d');
  assert.equal(textOf('a || b || c'), 'a || b || c', 'and bars with blanks hide nothing');
});

test('a block is cut only when it alone is longer than a message, and code goes on in its own language', () => {
  const code = `\`\`\`js\n${'call();\n'.repeat(450)}\`\`\``;
  const [before, whole] = splitFormatted(render(`${'word '.repeat(200)}\n\n${code}`));
  assert.equal(before?.text.includes('call'), false);
  assert.equal(whole?.entities[0]?.length, whole?.text.length);
  const parts = splitFormatted(render(`\`\`\`js\n${'  call();\n'.repeat(900)}\`\`\``));
  assert.ok(parts.length > 1);
  for (const { text, entities } of parts) {
    assert.deepEqual(entities, [{ type: 'pre', language: 'js', offset: 0, length: text.length }]);
    assert.ok(text.startsWith('  call();'), 'the indentation of the first line is kept');
  }
});

test('a hundred entities are one message, and one more makes two', () => {
  const bold = (count: number) => splitFormatted(render(Array(count).fill('**b** word').join('\n\n')));
  assert.deepEqual(
    bold(100).map(({ entities }) => entities.length),
    [100],
  );
  assert.deepEqual(
    bold(101).map(({ entities }) => entities.length),
    [100, 1],
  );
});

const row = (text: string) => ({ id: 5, text, format: 'markdown', file_json: null, turn_id: null }) as const;

test('three messages are three messages; what needs more is its beginning, and all of it in a file', async () => {
  const paragraph = `${'x'.repeat(3000)}\n\n`;
  assert.deepEqual(
    (await piecesOf(row(paragraph.repeat(3)))).map(({ is }) => is),
    ['text', 'text', 'text'],
  );
  const [head, file, ...rest] = await piecesOf(row(paragraph.repeat(4)));
  assert.ok(head?.is === 'text' && head.text.endsWith('x\n\n(The whole answer is in the file.)'));
  assert.ok(file?.is === 'document' && file.content === paragraph.repeat(4) && file.name === 'answer-5.md');
  assert.equal(rest.length, 0);
});

test('text that no parser should be given is plain, and soon', async () => {
  for (const text of ['a*_'.repeat(10_000), '- '.repeat(3000), '>'.repeat(5000), '\\['.repeat(10_000)]) {
    const began = performance.now();
    const [first] = await piecesOf(row(text));
    assert.equal(first?.is, 'text');
    assert.ok(performance.now() - began < 10_000, text.slice(0, 4));
  }
});

test('a preview shows the end of what is written, and below it what is being done', async () => {
  const part = await previewOf('**half', 'Running: ls');
  assert.equal(part?.text, '**half\n\nRunning: ls');
  assert.deepEqual(part?.entities, [{ type: 'italic', offset: 8, length: 11 }]);
  assert.equal(await previewOf('', null), null);
  const long = await previewOf(`${'word '.repeat(1500)}end`, 'x'.repeat(999));
  assert.ok(
    long && long.text.length <= LONGEST_PART && long.text.startsWith('…') && long.text.includes('end\n\nx'),
  );
});

/** Documents of all that is awkward, the same ones every time. */
function documents(seed: number) {
  let state = seed;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const inline = [
    'word',
    'two words',
    '**bold**',
    '*it*',
    '_it_',
    '~~gone~~',
    '`code`',
    '||hid||',
    '**a *b* `c` d**',
    '😀',
    '👨‍👩‍👧',
    '漢字',
    '\ud800',
    '[l](https://a.example/x_y)',
    '[b](http://localhost/x)',
    '[**b** `c`](https://a.b)',
    '[r](note)',
    '![i](https://a.b/c.png)',
    '<https://a.b>',
    '$x_1$',
    '\\(a*b\\)',
    '<b>',
    '&amp;',
    '[^1]',
    '|',
    '||',
    '**',
    '*',
    '_',
    '`',
    '~~',
    '[',
    '](',
    '\\',
    '\u200b',
    '\r',
    '\u202e',
    '\u0301',
    'a@b.co',
    'https://x.y/a_b_',
    '[t](tg://resolve?domain=a)',
    '[p](https://a.b:0/)',
    '[w](https://a b.c/)',
    '[q](https://a_b.c)',
    '[6](http://[::1]/)',
  ];
  const line = () =>
    Array.from({ length: 1 + Math.floor(random() * 8) }, () => pick(inline)).join(pick([' ', '', ' ']));
  const block = (): string =>
    pick([
      line,
      line,
      () => `${'#'.repeat(1 + Math.floor(random() * 6))} ${line()}`,
      () => `- ${line()}\n- [x] ${line()}\n  1. ${line()}\n\n     ${line()}\n  - ${line()}`,
      () => `> ${line()}\n> > ${line()}\n> - ${line()}\n> \`\`\`\n> ${line()}\n> \`\`\``,
      () =>
        `\`\`\`${pick(['', 'js', 'c++', 'a b'])}\n${`  ${line()}\n`.repeat(1 + Math.floor(random() * 5))}\`\`\``,
      () => `| ${line()} | b |\n|:-:|--:|\n| ${line()} | 漢 |\n| x |`,
      () => `    ${line()}`,
      () => '---',
      () => `[^1]: ${line()}`,
      () => `<div>\n${line()}\n</div>`,
      () => `$$\n${line()}\n$$`,
      () => 'long '.repeat(Math.floor(random() * 1200)),
    ])();
  return () => Array.from({ length: 1 + Math.floor(random() * 6) }, block).join('\n\n');
}

const judge = openJudge();

test('of thousands of documents, and of every half of one, Telegram refuses none', {
  skip: judge ? false : "Telegram's own parser is not installed (scripts/test fetches it)",
}, async () => {
  const next = documents(7);
  const refusals: string[] = [];
  let judged = 0;
  const check = (markdown: string, longest: number) => {
    for (const { text, entities } of splitFormatted(render(markdown), longest)) {
      judged += 1;
      const why = judge?.(text, entities) ?? null;
      if (why !== null) refusals.push(`${why}: ${JSON.stringify(markdown).slice(0, 300)}`);
      assert.ok(text.length <= longest && entities.length <= 100);
      // The server of our tests takes it as well, and keeps every entity that is there.
      fixText({ text, entities: [...entities] });
    }
  };
  for (let i = 0; i < 2500; i++) check(next(), i % 2 ? LONGEST_PART : 200);
  const whole = Array.from({ length: 3 }, next).join('\n\n').slice(0, 1200);
  for (let end = 1; end <= whole.length; end += 2) check(whole.slice(0, end).toWellFormed(), LONGEST_PART);
  assert.deepEqual(refusals, []);
  assert.ok(judged > 4000, `${judged} messages were judged`);
});
