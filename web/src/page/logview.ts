/**
 * The lines of a log on the page, 100 000 of them or more.
 *
 * Virtualised by chunks: each chunk of the book is one block, but only those near what is seen
 * have rows; the others are empty boxes of about their height. Lines may be of any height, so they
 * can wrap. What is at the top of the view stays where it is on the screen whatever changes above
 * it, and at the end the view follows the log until the reader scrolls up. What is out of sight
 * cannot be found with the browser's own search; that is the price.
 */

import { CHUNK_LINES, type LogBook } from "../lines/book.ts";
import type { Line } from "../lines/line.ts";
import { Block } from "./block.ts";
import { Unfolding } from "./row.ts";

export interface LogViewEvents {
  /** The reader comes near the earliest line. */
  nearTop(): void;
  /** The reader comes near the last line that is held. */
  nearEnd(): void;
  /** The view follows the end from now on, or does not any more. */
  following(isFollowing: boolean): void;
}

/** Rows are made so many heights of the view around it, and taken away farther out. */
const NEAR_VIEWS = 1;
const FAR_VIEWS = 3;
/** Real heights differ from the estimates and so move others into sight; it settles in two or three. */
const PASSES = 5;
/** Fractions of a pixel are lost in scroll positions. */
const AT_END_PX = 2;

interface Anchor {
  readonly block: Block;
  readonly line: Line | null;
  /** Where it is, in viewport coordinates. */
  readonly top: number;
}

export class LogView {
  readonly #scroller: HTMLElement;
  readonly #container: HTMLElement;
  readonly #events: LogViewEvents;
  readonly #unfolding = new Unfolding();
  #book: LogBook | null = null;
  #holdsEnd = true;
  #blocks: Block[] = [];
  #isFollowing = true;
  #lastTop = 0;
  #lineHeight = 20;
  #width = 0;
  #isScheduled = false;

  constructor(scroller: HTMLElement, container: HTMLElement, events: LogViewEvents) {
    this.#scroller = scroller;
    this.#container = container;
    this.#events = events;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    scroller.addEventListener("wheel", (event) => this.#wheeled(event), { passive: true });
    container.addEventListener("click", (event) => this.#clicked(event));
    new ResizeObserver(() => this.#resized()).observe(scroller);
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Shows another book, from its end. */
  show(book: LogBook): void {
    this.#book = book;
    this.#clear();
    this.#unfolding.marked = null;
    this.holdsEnd = true;
    this.#follow(true);
    this.refresh();
  }

  /** Whether the end of what is held is that of the log, so that it may be followed. */
  set holdsEnd(holdsEnd: boolean) {
    this.#holdsEnd = holdsEnd;
    if (!holdsEnd) this.#follow(false);
  }

  /** Brings the line into sight; with `isFound` it is marked as what was looked for. */
  reveal(line: Line, isFound: boolean): void {
    if (this.#book === null) return;
    this.#follow(false);
    this.#matchBlocks(this.#book);
    if (isFound) this.#mark(line);
    const block = this.#blockOf(line);
    if (block === undefined) return;
    block.render(this.#lineBefore(block), this.#unfolding);
    const { top } = this.#scroller.getBoundingClientRect();
    this.#render({ block, line, top: top + this.#scroller.clientHeight / 3 });
  }

  /** Something changed in the book; shows it in the next frame. */
  refresh(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#render();
    });
  }

  /** Goes to the end and follows it. */
  jumpToEnd(): void {
    this.#follow(true);
    this.refresh();
  }

  /** All heights are different now: lines wrap, or do not any more. */
  remeasure(): void {
    for (const block of this.#blocks) if (!block.isRendered) block.empty(this.#estimate(block));
    this.refresh();
  }

  // ---- what the reader does

  #scrolled(): void {
    const { scrollTop } = this.#scroller;
    const isAtEnd = this.#distanceToEnd() <= AT_END_PX;
    if (isAtEnd && this.#holdsEnd) this.#follow(true);
    else if (scrollTop < this.#lastTop) this.#follow(false);
    this.#lastTop = scrollTop;
    if (!this.#isFollowing && scrollTop < this.#scroller.clientHeight) this.#events.nearTop();
    if (this.#distanceToEnd() < this.#scroller.clientHeight) this.#events.nearEnd();
    this.refresh();
  }

  /** A smooth scroll begins with less than a pixel, and our next line would take it back. */
  #wheeled(event: WheelEvent): void {
    if (event.deltaY < 0 && this.#scroller.scrollTop > 0) this.#follow(false);
  }

  #resized(): void {
    if (this.#scroller.clientWidth !== this.#width) {
      this.#width = this.#scroller.clientWidth;
      this.remeasure();
    }
    this.refresh();
  }

  #clicked(event: MouseEvent): void {
    if (!(event.target instanceof HTMLElement)) return;
    const action = event.target.dataset["action"];
    const row = event.target.closest<HTMLElement>(".row");
    const block = this.#blocks.find(({ element }) => element === row?.parentElement);
    const line = block?.chunk.lines.find((candidate) => block.rowOf(candidate) === row);
    if (action === undefined || block === undefined || line === undefined) return;
    if (action === "more") this.#unfolding.showMore(line);
    else this.#unfolding.toggle(line);
    // As if the line had changed: its row is made anew.
    line.version += 1;
    block.touch();
    this.#follow(false);
    this.#render();
    const again = block.rowOf(line)?.querySelector<HTMLElement>(`[data-action="${action}"]`);
    again?.focus({ preventScroll: true });
  }

  #follow(isFollowing: boolean): void {
    if (this.#isFollowing === isFollowing) return;
    this.#isFollowing = isFollowing;
    this.#events.following(isFollowing);
  }

  // ---- showing it

  #render(wanted: Anchor | null = null): void {
    if (this.#book === null || this.#scroller.clientHeight === 0) return;
    const anchor = this.#isFollowing ? null : (wanted ?? this.#anchor());
    this.#matchBlocks(this.#book);
    this.#place(anchor);
    for (let pass = 0; pass < PASSES && this.#renderNear(); pass += 1) this.#place(anchor);
    this.#place(anchor);
    this.#lastTop = this.#scroller.scrollTop;
  }

  /** The first line in sight, or the block where there are no rows yet. */
  #anchor(): Anchor | null {
    const edge = this.#scroller.getBoundingClientRect().top;
    for (const block of this.#blocks) {
      const box = block.element.getBoundingClientRect();
      if (box.bottom <= edge) continue;
      const line = block.firstBelow(edge);
      const row = line === null ? null : block.rowOf(line);
      return { block, line, top: (row ?? block.element).getBoundingClientRect().top };
    }
    return null;
  }

  #place(anchor: Anchor | null): void {
    if (this.#isFollowing) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
      return;
    }
    if (anchor === null || !anchor.block.element.isConnected) return;
    const row = anchor.line === null ? null : anchor.block.rowOf(anchor.line);
    // The anchored line was joined to one above: the block is close enough.
    if (anchor.line !== null && row === null) return;
    const moved = (row ?? anchor.block.element).getBoundingClientRect().top - anchor.top;
    if (moved !== 0) this.#scroller.scrollTop += moved;
  }

  /** Makes the blocks those of the book: chunks come and go in front, and come behind. */
  #matchBlocks(book: LogBook): void {
    const first = this.#blocks[0];
    if (first !== undefined && first.chunk !== book.chunks[0]) this.#matchFront(book, first);
    for (const chunk of book.chunks.slice(this.#blocks.length)) {
      const block = this.#newBlock(chunk);
      this.#blocks.push(block);
      this.#container.append(block.element);
    }
  }

  #matchFront(book: LogBook, first: Block): void {
    const gone = this.#blocks.findIndex((block) => block.chunk === book.chunks[0]);
    const added = book.chunks.indexOf(first.chunk);
    if (gone > 0) {
      for (const block of this.#blocks.splice(0, gone)) block.element.remove();
    } else if (added > 0) {
      const blocks = book.chunks.slice(0, added).map((chunk) => this.#newBlock(chunk));
      first.element.before(...blocks.map((block) => block.element));
      this.#blocks.unshift(...blocks);
      // It had a heading as the first line of all.
      first.invalidate();
    } else {
      this.#clear();
    }
  }

  #mark(line: Line): void {
    const before = this.#unfolding.marked;
    this.#unfolding.marked = line;
    for (const changed of [before, line]) {
      if (changed === null) continue;
      changed.version += 1;
      this.#blockOf(changed)?.touch();
    }
  }

  #blockOf(line: Line): Block | undefined {
    return this.#blocks.find(({ chunk }) => chunk.lines.includes(line));
  }

  #lineBefore(block: Block): Line | null {
    return this.#blocks[this.#blocks.indexOf(block) - 1]?.chunk.lines.at(-1) ?? null;
  }

  #newBlock(chunk: Block["chunk"]): Block {
    const block = new Block(chunk);
    block.empty(this.#estimate(block));
    return block;
  }

  /** Makes the rows that are near, takes away those that are far; whether any height changed. */
  #renderNear(): boolean {
    const { scrollTop, clientHeight } = this.#scroller;
    const viewTop = scrollTop - this.#container.offsetTop;
    const changed: Block[] = [];
    let top = 0;
    let before: Line | null = null;
    for (const block of this.#blocks) {
      const distance = Math.max(viewTop - (top + block.height), top - (viewTop + clientHeight));
      top += block.height;
      if (distance <= clientHeight * NEAR_VIEWS) {
        if (!block.isRendered || block.isStale) {
          block.render(before, this.#unfolding);
          changed.push(block);
        }
      } else if (block.isRendered) {
        if (distance > clientHeight * FAR_VIEWS && !isSelected(block)) block.empty(block.height);
        else if (block.isStale) changed.push(this.#rendered(block, before));
      } else if (block.isStale) block.empty(this.#estimate(block));
      before = block.chunk.lines.at(-1) ?? before;
    }
    this.#measure(changed);
    return changed.length > 0;
  }

  #rendered(block: Block, before: Line | null): Block {
    block.render(before, this.#unfolding);
    return block;
  }

  #measure(blocks: readonly Block[]): void {
    for (const block of blocks) {
      block.measure();
      const count = block.chunk.lines.length;
      if (count === CHUNK_LINES) this.#lineHeight = block.height / count;
    }
  }

  #estimate(block: Block): number {
    return Math.round(block.chunk.lines.length * this.#lineHeight);
  }

  #distanceToEnd(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #clear(): void {
    this.#blocks = [];
    this.#container.replaceChildren();
  }
}

/** What a person has selected must not vanish before it is copied. */
function isSelected(block: Block): boolean {
  const selection = document.getSelection();
  return (
    selection !== null && !selection.isCollapsed && selection.containsNode(block.element, true)
  );
}
