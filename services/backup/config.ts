/** What is kept, for how long, and where copies go. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

const word = z.string().check(z.minLength(1));

const copy = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('folder'), path: word }),
  z.strictObject({
    kind: z.literal('rsync'),
    target: word,
    key: z.optional(word),
    port: z.optional(integer(1, 65_535)),
  }),
  z.strictObject({
    kind: z.literal('s3'),
    endpoint: z.url({ protocol: /^https?$/ }),
    bucket: word,
    prefix: z.optional(z.string()),
    region: z.optional(word),
  }),
  z.strictObject({ kind: z.literal('restic'), repository: word, key: z.optional(word) }),
]);

export type CopySetting = z.infer<typeof copy>;

export const config = section({
  keep_hourly: setting(integer(1, 1000), 24, 'How many backups stay, one of each hour …'),
  keep_daily: setting(integer(0, 1000), 14, '… one of each day …'),
  keep_weekly: setting(integer(0, 1000), 8, '… and one of each week.'),
  copies: setting(
    z.record(z.string().check(z.regex(/^[a-z][a-z0-9_-]*$/)), copy),
    {},
    'Where backups are copied to once a day, each by a name of your own: [backup.copies.nas]. kind: "folder", with its path; "rsync", with target (user@host:folder) and perhaps key (a file of ssh) and port; "s3", with endpoint, bucket, and perhaps prefix and region; "restic", with repository, and for sftp: perhaps key. All are encrypted, by BACKUP_PASSPHRASE of credentials/backup.env; see docs/backup.md.',
  ),
});

export type Config = z.infer<typeof config>;
