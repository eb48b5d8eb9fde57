import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';

/**
 * Puts the changed text in the place of the file, whole or not at all, and only if it stands the check. Bytes are
 * taken as Latin-1, so that those that are no UTF-8 stay as they are.
 */
export function replace(path: string, change: (text: string) => string, check: (file: string) => void): void {
  const file = realpathSync(path); // a link stays a link
  const part = `${file}.${process.pid}`;
  const old = statSync(file);
  try {
    closeSync(openSync(file, 'r+')); // who may not write it shall not replace it either
    const text = change(readFileSync(file, 'latin1'));
    const fd = openSync(part, 'wx', 0o600);
    try {
      writeFileSync(fd, text, 'latin1');
      if (old.uid !== process.getuid?.() || old.gid !== process.getgid?.()) fchownSync(fd, old.uid, old.gid);
      fchmodSync(fd, old.mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    try {
      check(part);
    } catch (error) {
      if (!(error instanceof Misconfigured)) throw error;
      const [fault = ''] = error.message.replace(`${part} has`, `${path} would have`).split('\n  cure:');
      throw new Misconfigured(fault, 'choose another value; nothing was changed', { cause: error });
    }
    renameSync(part, file);
  } catch (error) {
    if (!/^(EACCES|EROFS|EPERM|ENOSPC)$/.test(codeOf(error))) throw error;
    throw new Misconfigured(
      `config: ${path} cannot be changed (${messageOf(error)})`,
      codeOf(error) === 'ENOSPC'
        ? 'make room on the disk'
        : `let ${userInfo().username} write it and its folder, or run this as their owner`,
      { cause: error },
    );
  } finally {
    rmSync(part, { force: true });
  }
}
