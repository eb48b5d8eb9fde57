import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../testing/scratch.ts';
import { readSecret } from './credentials.ts';
import { type Home, homeOf } from './home.ts';

function homeWith(t: TestContext, text: string, mode = 0o600, folderMode = 0o700): Home {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.credentials);
  const file = join(home.credentials, 'telegram.env');
  writeFileSync(file, text);
  chmodSync(file, mode);
  chmodSync(home.credentials, folderMode);
  return home;
}

test('a secret’s variables are read, without the space around them, and empty ones are none', (t) => {
  const home = homeWith(t, '# a note\nTOKEN= 1:abc \nEMPTY=\nQUOTED="a b"\n');
  assert.deepEqual(readSecret(home, 'telegram'), { TOKEN: '1:abc', QUOTED: 'a b' });
});

test('a secret that is not there is null, whether its folder is there or not', (t) => {
  assert.equal(readSecret(homeWith(t, ''), 'anthropic'), null);
  assert.equal(readSecret(homeOf({ VIGIL_HOME: join(scratch(t), 'nowhere') }), 'telegram'), null);
});

for (const mode of [0o644, 0o640, 0o604, 0o601]) {
  test(`a file of mode ${mode.toString(8)} is refused with the very command that closes it`, (t) => {
    const home = homeWith(t, 'TOKEN=1:abc\n', mode);
    const file = join(home.credentials, 'telegram.env');
    assert.throws(() => readSecret(home, 'telegram'), {
      name: 'Misconfigured',
      message: `credentials: ${file} is open to others (mode 0${mode.toString(8)}, expected 0600)\n  cure: chmod 600 ${file}`,
      cure: `chmod 600 ${file}`,
    });
    chmodSync(file, 0o600);
    assert.deepEqual(readSecret(home, 'telegram'), { TOKEN: '1:abc' });
  });
}

test('a folder that others may enter is refused with the very command that closes it', (t) => {
  const home = homeWith(t, 'TOKEN=1:abc\n', 0o600, 0o755);
  assert.throws(() => readSecret(home, 'telegram'), { cure: `chmod 700 ${home.credentials}` });
  chmodSync(home.credentials, 0o700);
  assert.deepEqual(readSecret(home, 'telegram'), { TOKEN: '1:abc' });
});

test('a file that its owner may only read is as good', (t) => {
  assert.deepEqual(readSecret(homeWith(t, 'TOKEN=1:abc\n', 0o400, 0o500), 'telegram'), { TOKEN: '1:abc' });
});

test('the modes of what systemd handed over are systemd’s business', (t) => {
  const home = homeWith(t, 'TOKEN=1:abc\n', 0o440, 0o750);
  const handed = homeOf({ VIGIL_HOME: home.directory, CREDENTIALS_DIRECTORY: home.credentials });
  assert.deepEqual(readSecret(handed, 'telegram'), { TOKEN: '1:abc' });
});

test('secrets of one kind lie in a folder, which is closed to others too, and come from systemd with its name before theirs', (t) => {
  const home = homeWith(t, '');
  const folder = join(home.credentials, 'mcp');
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, 'mail.env'), 'TOKEN=1:abc\n', { mode: 0o600 });
  assert.deepEqual(readSecret(home, 'mcp/mail'), { TOKEN: '1:abc' });
  chmodSync(folder, 0o755);
  assert.throws(() => readSecret(home, 'mcp/mail'), { cure: `chmod 700 ${folder}` });
  writeFileSync(join(home.credentials, 'mcp_mail.env'), 'TOKEN=2:def\n');
  const handed = homeOf({ VIGIL_HOME: home.directory, CREDENTIALS_DIRECTORY: home.credentials });
  assert.deepEqual(readSecret(handed, 'mcp/mail'), { TOKEN: '2:def' });
});

test('a folder in a secret’s place is refused, not taken for an empty secret', (t) => {
  const home = homeWith(t, '');
  mkdirSync(join(home.credentials, 'anthropic.env'), { mode: 0o700 });
  assert.throws(() => readSecret(home, 'anthropic'), { name: 'Misconfigured', message: /EISDIR/ });
});
