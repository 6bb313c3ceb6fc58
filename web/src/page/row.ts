/** One line of a log as elements: time, source, text. */

import { plural } from "../lines/marker.ts";
import type { Line } from "../lines/line.ts";
import { make } from "./dom.ts";
import { dayHeading, shownTime } from "./times.ts";

/**
 * Characters shown of a line at first, and more of it with each click. A line of 1 MB laid out at
 * once stops a phone for seconds; nobody reads more than this without asking for it.
 */
export const SHOWN_AT_FIRST = 1_000;
export const SHOWN_MORE = 100_000;

/** What a person has asked to see of single lines. */
export class Unfolding {
  readonly #characters = new WeakMap<Line, number>();
  readonly #unfolded = new WeakSet<Line>();
  /** The line that a search has found. */
  marked: Line | null = null;

  charactersOf(line: Line): number {
    return this.#characters.get(line) ?? SHOWN_AT_FIRST;
  }

  showMore(line: Line): void {
    this.#characters.set(line, this.charactersOf(line) + SHOWN_MORE);
  }

  isUnfolded(line: Line): boolean {
    return this.#unfolded.has(line);
  }

  toggle(line: Line): void {
    if (!this.#unfolded.delete(line)) this.#unfolded.add(line);
  }
}

/** The row of a line, under the heading of its day where `before` is of another. */
export function makeRow(line: Line, before: Line | null, unfolding: Unfolding): HTMLElement {
  const row = make("div", line.kind === "notice" ? "row notice" : "row");
  row.dataset["seq"] = String(line.seq);
  if (line === unfolding.marked) row.setAttribute("aria-current", "true");
  if (line.timeUs > 0) {
    const { clock, day } = shownTime(line.timeUs);
    if (before === null || (before.timeUs > 0 && shownTime(before.timeUs).day !== day)) {
      row.append(make("div", "day", dayHeading(line.timeUs)));
    }
    row.append(makeTime(line.timeUs, clock));
  }
  if (line.kind === "notice") {
    row.append(make("span", "text", line.text));
    return row;
  }
  const source = make("span", "source", line.source);
  source.dataset["source"] = line.source;
  source.title = line.source;
  row.append(source, makeText(line, unfolding));
  return row;
}

function makeTime(timeUs: number, clock: string): HTMLElement {
  const time = make("time", "time", clock);
  const iso = new Date(timeUs / 1_000).toISOString();
  time.dateTime = iso;
  time.title = iso;
  return time;
}

function makeText(line: Line, unfolding: Unfolding): HTMLElement {
  const text = unfolding.isUnfolded(line) ? line.unfolded() : line.text;
  const shown = unfolding.charactersOf(line);
  const cell = make("span", "text", text.length > shown ? text.slice(0, shown) : text);
  if (text.length > shown) {
    const rest = `\u2026 ${plural(text.length - shown, "more character")}`;
    cell.append(makeAction("more", rest));
  }
  if (line.rewrites > 0) {
    const isUnfolded = unfolding.isUnfolded(line);
    const label = isUnfolded ? "latest only" : plural(line.rewrites, "update");
    const toggle = makeAction("unfold", label);
    toggle.setAttribute("aria-expanded", String(isUnfolded));
    cell.append(toggle);
  }
  return cell;
}

function makeAction(action: string, label: string): HTMLButtonElement {
  const element = make("button", "inline", label);
  element.type = "button";
  element.dataset["action"] = action;
  return element;
}
