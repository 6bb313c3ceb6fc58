/**
 * A chunk of lines on the page: its rows, or as much empty height while it is out of sight.
 */

import type { Chunk } from "../lines/book.ts";
import type { Line } from "../lines/line.ts";
import { make } from "./dom.ts";
import { makeRow, type Unfolding } from "./row.ts";

interface Row {
  readonly element: HTMLElement;
  version: number;
}

export class Block {
  readonly chunk: Chunk;
  readonly element: HTMLElement = make("div", "chunk");
  /** The height as it was measured, or as it is estimated. */
  height = 0;
  #rows: Map<Line, Row> | null = null;
  #version = -1;
  #removals = -1;

  constructor(chunk: Chunk) {
    this.chunk = chunk;
  }

  get isRendered(): boolean {
    return this.#rows !== null;
  }

  /** Whether there is something newer than what is shown. */
  get isStale(): boolean {
    return this.#version !== this.chunk.version;
  }

  rowOf(line: Line): HTMLElement | null {
    return this.#rows?.get(line)?.element ?? null;
  }

  /** The first line whose row reaches below `top`, in viewport coordinates. */
  firstBelow(top: number): Line | null {
    for (const [line, row] of this.#rows ?? []) {
      if (row.element.getBoundingClientRect().bottom > top) return line;
    }
    return null;
  }

  /** Makes the rows, or brings them up to date. `before` is the line in front of the first. */
  render(before: Line | null, unfolding: Unfolding): void {
    if (this.#rows === null || this.#removals !== this.chunk.removals) {
      this.#rows = new Map();
      this.element.replaceChildren();
      this.element.style.height = "";
    }
    let previous = before;
    for (const line of this.chunk.lines) {
      this.#update(this.#rows, line, previous, unfolding);
      previous = line;
    }
    this.#version = this.chunk.version;
    this.#removals = this.chunk.removals;
  }

  /** Something in it is to be shown differently: the next `render` looks at each line again. */
  touch(): void {
    this.#version = -1;
  }

  /** The next `render` makes every row anew. */
  invalidate(): void {
    this.#removals = -1;
    this.#version = -1;
  }

  /** Takes the rows away and leaves an empty height. */
  empty(height: number): void {
    if (this.#rows !== null) this.element.replaceChildren();
    this.#rows = null;
    this.#version = this.chunk.version;
    this.height = height;
    // Through the object model: a style attribute would be refused by the page's policy.
    this.element.style.height = `${height}px`;
  }

  measure(): void {
    this.height = this.element.offsetHeight;
  }

  #update(rows: Map<Line, Row>, line: Line, before: Line | null, unfolding: Unfolding): void {
    const row = rows.get(line);
    if (row?.version === line.version) return;
    const element = makeRow(line, before, unfolding);
    if (row === undefined) this.element.append(element);
    else row.element.replaceWith(element);
    rows.set(line, { element, version: line.version });
  }
}
