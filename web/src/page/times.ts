/** Times of lines, in the reader's own time zone. */

export interface ShownTime {
  /** Such as 14:03:07.250. */
  readonly clock: string;
  /** Such as 2026-11-21: a change of it is worth a heading. */
  readonly day: string;
}

export function shownTime(timeUs: number): ShownTime {
  const time = new Date(timeUs / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return {
    clock: `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`,
    day: `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`,
  };
}

/** A day as a heading: "Saturday, 21 November 2026". */
export function dayHeading(timeUs: number): string {
  return new Date(timeUs / 1_000).toLocaleDateString("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

/** How long ago that was, in few words: "just now", "5 min ago", "3 days ago". */
export function shownAge(timeUs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - timeUs / 1_000) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 60 / 24)} days ago`;
}

/** A moment in few words: "today, 14:03", "21 Nov, 14:03". */
export function shownMoment(timeUs: number): string {
  const { clock, day } = shownTime(timeUs);
  const isToday = day === shownTime(Date.now() * 1_000).day;
  const date = new Date(timeUs / 1_000).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
  });
  return `${isToday ? "today" : date}, ${clock.slice(0, 5)}`;
}

/** How long something takes or took: "7 s", "3 min 20 s", "5 h 12 min". */
export function shownDuration(durationUs: number): string {
  // Clocks differ a little: nothing has begun in the future.
  const seconds = Math.max(0, Math.floor(durationUs / 1_000_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
