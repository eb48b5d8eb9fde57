import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { services } from '#shared/manifest.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-generate-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('generate', () => {
  it('what is committed is what the manifest says, no file more and none less', () => {
    const { status, stderr } = generate('--check');
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('every file opens with a note of where it comes from', () => {
    const paths = [...generate(folder).stdout.matchAll(/\S+\/\S+/g)].map(([path]) => path);
    assert.ok(paths.includes('systemd/vigil-core.service'));
    for (const path of paths) {
      assert.match(readFileSync(join(folder, path), 'utf8'), /^(<\?xml .*\n<!--|#|--) Generated from /, path);
    }
  });

  it('a changed, a missing and a left-over file are named with the cure, and cured by it', () => {
    generate(folder);
    assert.equal(generate('--check', folder).status, 0);
    appendFileSync(join(folder, 'systemd', 'vigil-core.service'), '# by hand\n');
    rmSync(join(folder, 'launchd', 'ai.vigil.core.plist'));
    writeFileSync(join(folder, 'systemd', 'vigil-gone.service'), '');

    const { status, stderr } = generate('--check', folder);
    assert.equal(status, 1);
    assert.deepEqual(stderr.match(/\S+\/\S+/g), [
      'systemd/vigil-core.service',
      'launchd/ai.vigil.core.plist',
      'systemd/vigil-gone.service',
    ]);
    assert.match(stderr, /cure: npm run generate/);
    assert.ok(existsSync(join(folder, 'systemd', 'vigil-gone.service')), '--check changes nothing');

    generate(folder);
    assert.ok(!existsSync(join(folder, 'systemd', 'vigil-gone.service')));
    assert.equal(generate('--check', folder).status, 0);
  });

  it("the README's table has a row per service, and the text around it stays", () => {
    const readme = join(folder, 'README.md');
    const [begin, end] = ['<!-- services: generated -->', '<!-- /services -->'];
    writeFileSync(readme, `before\n${begin}\nold\n${end}\nafter\n`);
    assert.match(generate('--check', folder).stderr, /README\.md/);
    generate(folder);
    const text = readFileSync(readme, 'utf8');
    assert.ok(text.startsWith(`before\n${begin}\n| service | does | network | secrets |\n`));
    assert.ok(text.endsWith(`|\n${end}\nafter\n`));
    assert.deepEqual(
      [...text.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]),
      services.map((service) => service.name),
    );
    assert.equal(generate('--check', folder).status, 0);
  });

  it('a README without the two markers is refused with the cure', () => {
    writeFileSync(join(folder, 'README.md'), '# Vigil\n');
    const { status, stderr } = generate(folder);
    assert.equal(status, 1);
    assert.match(stderr, /<!-- services: generated -->[\s\S]*cure: put these two lines/);
    assert.equal(readFileSync(join(folder, 'README.md'), 'utf8'), '# Vigil\n');
  });
});

function generate(...args: string[]) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'generate.ts'), ...args], {
    encoding: 'utf8',
  });
}
