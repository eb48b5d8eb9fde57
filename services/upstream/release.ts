/** Whether there is a newer release of this house, by its feed. */

import * as z from 'zod/mini';
import { itemsOf } from './feed.ts';
import { quoted } from './text.ts';

export type Release = { version: string; url: string; notes: string };

const SEMVER = /\bv?(\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[\w.]{1,40})?)\b/;
const announced = z.looseObject({
  version: z.string().check(z.regex(new RegExp(`^${SEMVER.source.replaceAll('\\b', '')}$`))),
  url: z.optional(z.string()),
  notes: z.optional(z.string()),
});

/** @throws when it is no feed of releases */
export function releaseOf(text: string): Release {
  const items = itemsOf(text);
  if (items === null) {
    const { version, url = '', notes = '' } = announced.parse(JSON.parse(text));
    return { version: version.replace(/^v/, ''), url: quoted(url), notes: quoted(notes, 400) };
  }
  const releases = items.flatMap(({ title, id, url, text }) => {
    // GitHub's ids end with the tag; titles are free words.
    const version = SEMVER.exec(`${id.split('/').at(-1)} ${title}`)?.[1];
    return version && !version.includes('-') ? [{ version, url: quoted(url), notes: quoted(text, 400) }] : [];
  });
  const newest = releases.reduce<Release | null>(
    (best, one) => (best && !isNewer(one.version, best.version) ? best : one),
    null,
  );
  if (newest === null) throw new Error('it names no release');
  return newest;
}

/** By semantic versioning, as far as it is needed: a release is newer than what led up to it. */
export function isNewer(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => {
    const [core = '', ...early] = text.split('-');
    return { numbers: core.split('.').map(Number), early: early.join('-') };
  });
  for (let i = 0; i < 3; i++) {
    const difference = (a?.numbers[i] ?? 0) - (b?.numbers[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return a?.early === '' && b?.early !== '';
}
