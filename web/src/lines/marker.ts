/** Markers in words: what a stream says about itself between the lines of the container. */

import type { Text } from "../sdk/text.ts";
import { isDict } from "../sdk/wire.ts";

/** The text of a marker, a JSON document such as `{"lost": 3}`, as a sentence. */
export function markerText(marker: Text): string {
  const document = typeof marker === "string" ? marker : new TextDecoder().decode(marker);
  let facts: unknown;
  try {
    facts = JSON.parse(document);
  } catch {
    return document;
  }
  if (!isDict(facts)) return document;
  return Object.entries(facts)
    .filter(([name]) => name !== "producer")
    .map(([name, value]) => sentence(name, value))
    .join("; ");
}

/** A count with its noun: "1 line", "12 345 lines". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en").replaceAll(",", "\u202f")} ${noun}${count === 1 ? "" : "s"}`;
}

/** A size in few characters: "512 B", "1.4 MB". */
export function shownSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** What was exceeded; `stream_rate` and so on are the service's words. */
const REASONS: Readonly<Record<string, string>> = {
  stream_rate: "the log grew faster than it may",
  stream_size: "the log is as large as it may be",
  producer_rate: "its producer wrote faster than it may",
  producer_size: "its producer has written as much as it may",
};

function truncatedSentence({ records, bytes, reason }: Readonly<Record<string, unknown>>): string {
  const count = typeof records === "number" ? plural(records, "line") : "Lines";
  const size = typeof bytes === "number" ? ` (${shownSize(bytes)})` : "";
  const why = typeof reason === "string" ? `: ${REASONS[reason] ?? reason}` : "";
  return `${count}${size} ${records === 1 ? "was" : "were"} left out here${why}`;
}

function sentence(name: string, value: unknown): string {
  if (name === "lost" && typeof value === "number") {
    return `${plural(value, "line")} ${value === 1 ? "was" : "were"} lost here`;
  }
  if (name === "truncated" && isDict(value)) return truncatedSentence(value);
  if (name === "attempt") return `attempt ${String(value)} begins here`;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return name === "truncated" ? `the log was cut here: ${shown}` : `${name}: ${shown}`;
}
