/** The hours of the night in which nothing is said that nobody asked for and that can wait. Local time. */

/**
 * When the quiet that `now` falls into ends; null when it is not quiet. What the clock leaves out or repeats at its
 * change is as long as the clock on the wall makes it.
 *
 * @param hours as `[owner] quiet` says: `22:00-07:30`, or nothing
 */
export function quietUntil(hours: string, now: number): number | null {
  const [from, to] = hours.split('-').map((time) => time.split(':').map(Number));
  if (!from || !to) return null;
  const on = (day: number, [hour = 0, minute = 0]: number[]) => {
    const local = new Date(now);
    return new Date(local.getFullYear(), local.getMonth(), local.getDate() + day, hour, minute).getTime();
  };
  // One night begins today, another has begun yesterday.
  for (const day of [-1, 0]) {
    const begins_at = on(day, from);
    const ends_at = minutesOf(to) > minutesOf(from) ? on(day, to) : on(day + 1, to);
    if (minutesOf(from) !== minutesOf(to) && now >= begins_at && now < ends_at) return ends_at;
  }
  return null;
}

function minutesOf([hour = 0, minute = 0]: number[]): number {
  return hour * 60 + minute;
}
