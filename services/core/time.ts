/** Times in words, where the machine is. */

// Made by the first turn and kept: to make one takes longer than all else that a turn does before it asks, and brings in
// 5 MB of the world's calendars.
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const format = formats.get(key) ?? new Intl.DateTimeFormat('en-GB', options);
  formats.set(key, format);
  return format;
}

/** Sunday 22 November 2026 at 09:00. */
export function timeInWords(at: number): string {
  return formatOf('words', { dateStyle: 'full', timeStyle: 'short' }).format(at);
}

/** Sun, 22 Nov 2026, 09:00 CET: as short as it can be told. */
export function stamp(at: number): string {
  return formatOf('stamp', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(at);
}

/** Europe/Berlin. */
export function zone(): string {
  return formatOf('words', { dateStyle: 'full', timeStyle: 'short' }).resolvedOptions().timeZone;
}
