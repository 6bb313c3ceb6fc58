/**
 * Rows of one height in a list that scrolls: only those near what is in sight are elements.
 *
 * Arrow keys, page keys, Home and End walk all rows; the focused one stays an element wherever it
 * is. Screen readers are told the place of a row among all.
 */

import { make } from "./dom.ts";

/** As the style sheet has it. */
const ROW_PX = 76;
/** Rows beyond the edges, so that scrolling shows no emptiness. */
const BEYOND = 10;

export interface Rows {
  count(): number;
  idAt(index: number): string;
  /** -1: it is none of them. */
  indexOf(id: string): number;
  /** Makes the element of a row what the row is now. */
  fill(link: HTMLAnchorElement, index: number): void;
}

export class RowWindow {
  readonly #list: HTMLElement;
  readonly #rows: Rows;
  readonly #elements = new Map<string, HTMLLIElement>();
  readonly #onTop: () => void;

  /**
   * @param list the element that scrolls; its first child is the list itself
   * @param onTop called when ArrowUp leads out of the list
   */
  constructor(list: HTMLElement, rows: Rows, onTop: () => void) {
    this.#list = list;
    this.#rows = rows;
    this.#onTop = onTop;
    list.addEventListener("scroll", () => this.show());
    list.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.show()).observe(list);
  }

  /** Shows the rows as they are now. */
  show(): void {
    const count = this.#rows.count();
    const inside = this.#inside();
    inside.style.height = `${count * ROW_PX}px`;
    const { scrollTop, clientHeight } = this.#list;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - BEYOND);
    const last = Math.min(count, Math.ceil((scrollTop + clientHeight) / ROW_PX) + BEYOND);
    const focused = this.#focusedIndex();
    const shown: number[] = [];
    for (let index = first; index < last; index += 1) shown.push(index);
    if (focused >= 0 && focused < first) shown.unshift(focused);
    else if (focused >= last) shown.push(focused);
    this.#match(shown);
  }

  /** Brings a row into sight and gives it the focus. */
  focus(index: number): void {
    const top = index * ROW_PX;
    const { scrollTop, clientHeight } = this.#list;
    if (top < scrollTop) this.#list.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) {
      this.#list.scrollTop = top + ROW_PX - clientHeight;
    }
    this.show();
    const id = index < this.#rows.count() ? this.#rows.idAt(index) : "";
    this.#elements.get(id)?.querySelector("a")?.focus({ preventScroll: true });
  }

  #key(event: KeyboardEvent): void {
    const index = this.#focusedIndex();
    if (index < 0) return;
    const last = this.#rows.count() - 1;
    const page = Math.max(1, Math.floor(this.#list.clientHeight / ROW_PX) - 1);
    const targets: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: Math.max(0, index - page),
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    if (target < 0) this.#onTop();
    else this.focus(Math.min(target, last));
  }

  #focusedIndex(): number {
    const item = document.activeElement?.closest<HTMLElement>("li.item");
    const id =
      item !== null && item !== undefined && this.#list.contains(item)
        ? item.dataset["id"]
        : undefined;
    return id === undefined ? -1 : this.#rows.indexOf(id);
  }

  #inside(): HTMLElement {
    return this.#list.firstElementChild as HTMLElement;
  }

  /** Makes the elements those of these rows, and keeps the focus where it is. */
  #match(shown: readonly number[]): void {
    const inside = this.#inside();
    const focused = document.activeElement;
    const ids = new Set(shown.map((index) => this.#rows.idAt(index)));
    for (const [id, element] of this.#elements) {
      if (ids.has(id)) continue;
      element.remove();
      this.#elements.delete(id);
    }
    let place = inside.firstElementChild;
    for (const index of shown) {
      const element = this.#elementOf(index);
      if (element === place) place = place.nextElementSibling;
      else inside.insertBefore(element, place);
    }
    if (
      focused instanceof HTMLElement &&
      focused !== document.activeElement &&
      focused.isConnected
    ) {
      focused.focus({ preventScroll: true });
    }
  }

  #elementOf(index: number): HTMLLIElement {
    const id = this.#rows.idAt(index);
    let element = this.#elements.get(id);
    if (element === undefined) {
      element = make("li", "item");
      element.dataset["id"] = id;
      element.append(make("a", ""));
      this.#elements.set(id, element);
    }
    element.style.top = `${index * ROW_PX}px`;
    element.ariaSetSize = String(this.#rows.count());
    element.ariaPosInSet = String(index + 1);
    const link = element.querySelector("a");
    if (link !== null) this.#rows.fill(link, index);
    return element;
  }
}
