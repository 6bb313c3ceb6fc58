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
