/**
 * What is on the disk after a power cut. What was written before an fsync that had ended by then is there. Of all the
 * rest, each write is there, or is not, or is torn between 512-byte sectors; whichever, later ones may be there
 * without earlier ones. (Any order in which the disk might have taken them leaves one of these states.)
 *
 * A file-level model: names come and go in order and at once, and a sector that a write does not touch keeps what it
 * had, which SQLite asks of a disk too (https://sqlite.org/psow.html).
 */

import type { Change, Trace, Traced } from './trace.ts';

const SECTOR_bytes = 512;

/** The files, by path. A cut at `moment` may fall into the middle of whatever went on then. */
export function afterCut(trace: Trace, moment: number, random: () => number): Map<string, Buffer> {
  // How much of the unsynced came through, for this cut: all kinds of luck, the two extremes among them.
  const luck = Math.min(1, Math.max(0, random() * 1.4 - 0.2));
  const there = trace.files.filter(({ born, died }) => born <= moment && moment < died);
  return new Map(there.map((file) => [file.path, contentOf(file, moment, luck, random)]));
}

function contentOf(file: Traced, moment: number, luck: number, random: () => number): Buffer {
  const begun = file.changes.filter(({ start }) => start <= moment);
  // A write that ends while an fsync runs may have come too late for it.
  const safeBefore = Math.max(0, ...file.syncs.filter(({ end }) => end <= moment).map(({ start }) => start));
  const image = Buffer.alloc(Math.max(0, ...begun.map(endOf)));
  let length = 0;
  let intended = 0;

  function put(at: number, data: Buffer): void {
    data.copy(image, at);
    length = Math.max(length, at + data.length);
  }
  function apply(change: Change, part: (at: number, data: Buffer) => void): void {
    if ('data' in change) {
      part(change.at, change.data);
    } else {
      image.fill(0, change.truncated_to);
      length = Math.min(length, change.truncated_to);
    }
  }
  const torn = (at: number, data: Buffer) => {
    for (const [from, sector] of sectors(at, data)) if (random() < 0.5) put(from, sector);
  };

  for (const change of begun) {
    if (change.end < safeBefore || random() < luck) apply(change, put);
    else if (random() < 0.5) apply(change, torn);
    intended = 'data' in change ? Math.max(intended, endOf(change)) : Math.min(intended, endOf(change));
  }
  // The size may be on the disk while the data are not: then there are zeros.
  return image.subarray(0, random() < 0.5 ? Math.max(length, intended) : length);
}

function endOf(change: Change): number {
  return 'data' in change ? change.at + change.data.length : change.truncated_to;
}

function* sectors(at: number, data: Buffer): Generator<[number, Buffer]> {
  for (let from = 0; from < data.length; ) {
    const to = Math.min(data.length, from + SECTOR_bytes - ((at + from) % SECTOR_bytes));
    yield [at + from, data.subarray(from, to)];
    from = to;
  }
}
