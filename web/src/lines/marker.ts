/** Markers in words: what a stream says about itself between the lines of the container. */

import type { Text } from "../sdk/text.ts";
import { isDict } from "../sdk/wire.ts";

/** The text of a marker, a JSON document such as `{"lost": 3}`, as a sentence. */
export function markerText(text: Text): string {
  const document = typeof text === "string" ? text : new TextDecoder().decode(text);
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

function sentence(name: string, value: unknown): string {
  if (name === "lost" && typeof value === "number") {
    return `${plural(value, "line")} ${value === 1 ? "was" : "were"} lost here`;
  }
  if (name === "attempt") return `attempt ${String(value)} begins here`;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return name === "truncated" ? `the log was cut here: ${shown}` : `${name}: ${shown}`;
}
