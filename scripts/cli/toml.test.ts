import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { withoutTable, withSetting, withTable } from './toml.ts';

const day5 = (text: string) => withSetting(text, 'budget', 'day_usd', 5);

for (const [what, before, after] of [
  ['a set line is replaced', '[budget]\nday_usd = 3\n', '[budget]\nday_usd = 5\n'],
  [
    'its comment, its indentation and its spaces stay',
    '[budget] # money\n\t day_usd=3  # so much\n',
    '[budget] # money\n\t day_usd=5  # so much\n',
  ],
  [
    'only that of its own section',
    '[other]\nday_usd = 1\n[budget]\nday_usd = 3\n[more]\nday_usd = 2\n',
    '[other]\nday_usd = 1\n[budget]\nday_usd = 5\n[more]\nday_usd = 2\n',
  ],
  [
    'one that is not set goes below its example',
    '[budget]\n# hour_usd = 1\n\n# day_usd = 3\n\n# month_usd = 40\n',
    '[budget]\n# hour_usd = 1\n\n# day_usd = 3\nday_usd = 5\n\n# month_usd = 40\n',
  ],
  [
    'not below the example of another section',
    '[budget]\nhour_usd = 1\n[other]\n# day_usd = 3\n',
    '[budget]\nday_usd = 5\nhour_usd = 1\n[other]\n# day_usd = 3\n',
  ],
  ['without an example, below the header', '[ budget ]\n[log]\n', '[ budget ]\nday_usd = 5\n[log]\n'],
  ['without an end of line', '[budget]', '[budget]\nday_usd = 5\n'],
  ['without a section, one is appended', '[log]\nfiles = 3\n', '[log]\nfiles = 3\n\n[budget]\nday_usd = 5\n'],
  ['and again without an end of line', '[log]', '[log]\n\n[budget]\nday_usd = 5\n'],
  ['an empty file will do', '', '[budget]\nday_usd = 5\n'],
  [
    'the line ends of Windows stay',
    '[budget]\r\n# day_usd = 3\r\n[log]\r\n',
    '[budget]\r\n# day_usd = 3\r\nday_usd = 5\r\n[log]\r\n',
  ],
  ['a set line with the line end of Windows', '[budget]\r\nday_usd = 3\r\n', '[budget]\r\nday_usd = 5\r\n'],
  [
    'a name that is longer is another one',
    '[budget]\nday_usd_old = 1\n',
    '[budget]\nday_usd = 5\nday_usd_old = 1\n',
  ],
] as const) {
  test(`a setting is changed in place: ${what}`, () => assert.equal(day5(before), after));
}

for (const [what, text] of [
  ['a table in one line', 'budget = { day_usd = 3 }\n'],
  ['a dotted key', 'budget.day_usd = 3\n'],
  ['a quoted key', '[budget]\n"day_usd" = 3\n'],
  ['a header within a text of many lines', 'note = """\n[budget]\nday_usd = 3\n"""\n'],
] as const) {
  test(`what cannot be changed safely is left to its owner: ${what}`, () => {
    assert.throws(
      () => day5(text),
      (error) =>
        error instanceof Misconfigured && error.cure === 'edit it by hand: day_usd = 5 below [budget]',
    );
  });
}

const path = ['tools', 'mcp', 'mail'];
const mail = { command: 'mail "x"', args: ['-v'], env: { LANG: 'C' } };
const MAIL =
  '[tools.mcp.mail]\ncommand = "mail \\"x\\""\nargs = [ "-v" ]\n\n[tools.mcp.mail.env]\nLANG = "C"\n';

for (const [what, text] of [
  ['to a text with comments', '# mine\n[tools] # here\nparallel_calls = 3\n\n# the log\n[log]\nfiles = 3\n'],
  ['beside another one', '[tools.mcp.home]\nurl = "http://home"\n'],
  ['to nothing', ''],
] as const) {
  test(`a table is added ${what}, and taken out again, and nothing else changes`, () => {
    const added = withTable(text, path, mail);
    assert.equal(added, `${text}${text && '\n'}${MAIL}`);
    assert.equal(withoutTable(added, path), text);
  });
}

test('a table is taken out of the middle, and the comment above the next one stays', () => {
  const text = `[tools]\n${MAIL}\n# about the log\n[log]\nfiles = 3\n`;
  assert.equal(withoutTable(text, path), '[tools]\n\n# about the log\n[log]\nfiles = 3\n');
});

for (const [what, text] of [
  ['a table in one line', '[tools.mcp]\nmail = { command = "x" }\n'],
  ['a dotted key', 'tools.mcp.mail.command = "x"\n'],
  ['a header within a text of many lines', `note = """\n${MAIL}"""\n${MAIL}`],
] as const) {
  test(`a table that cannot be taken out safely is left to its owner: ${what}`, () => {
    assert.throws(() => withoutTable(text, path), {
      name: 'Misconfigured',
      cure: 'edit it by hand: remove [tools.mcp.mail]',
    });
  });
}

test('a table is not added to one that is closed', () => {
  assert.throws(() => withTable('tools = { parallel_calls = 3 }\n', path, mail), { name: 'Misconfigured' });
});

test('words and lists of numbers are set as well, whatever stood there', () => {
  const zone = (text: string) => withSetting(text, 'owner', 'time_zone', 'Europe/Berlin');
  assert.equal(
    zone('[owner]\ntime_zone = "a # b"  # home\n'),
    '[owner]\ntime_zone = "Europe/Berlin"  # home\n',
  );
  assert.equal(
    zone("[owner]\n# time_zone = ''\n"),
    '[owner]\n# time_zone = \'\'\ntime_zone = "Europe/Berlin"\n',
  );
  const owners = (text: string) => withSetting(text, 'telegram', 'owners', [1, 22]);
  assert.equal(owners('[telegram]\nowners = [ 1, 2 ] # us\n'), '[telegram]\nowners = [1,22] # us\n');
  assert.throws(() => owners('[telegram]\nowners = [\n  1,\n'), /TomlError|Invalid TOML/);
  assert.throws(() => zone('[owner]\ntime_zone = """\nx"""\n'), Misconfigured);
  const dollars = withSetting('[owner]\ntime_zone = "x"\n', 'owner', 'time_zone', '$1$&');
  assert.equal(dollars, '[owner]\ntime_zone = "$1$&"\n');
});
