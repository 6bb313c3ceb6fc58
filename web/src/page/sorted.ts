/** A list that stays sorted while single items of it change: 100 000 of them, some at a time. */

/** From so many changes at once on it is sorted as a whole. */
const SORTED_ANEW_FROM = 200;

export class Sorted<Item extends { readonly id: string }> {
  readonly #compare: (one: Item, other: Item) => number;
  #byId = new Map<string, Item>();
  #items: Item[] = [];

  /** @param compare an order in which no two items are equal */
  constructor(compare: (one: Item, other: Item) => number) {
    this.#compare = compare;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  /** These are all. */
  fill(items: readonly Item[]): void {
    this.#byId = new Map(items.map((item) => [item.id, item]));
    this.#items = [...items].sort(this.#compare);
  }

  /** What each of these is now; null where it is none any more. */
  change(changes: ReadonlyMap<string, Item | null>): void {
    if (changes.size >= SORTED_ANEW_FROM) {
      const kept = this.#items.filter(({ id }) => !changes.has(id));
      const fresh = [...changes.values()].filter((item) => item !== null);
      for (const [id, item] of changes) this.#keep(id, item);
      // Two parts, each in order: engines merge them.
      this.#items = [...kept, ...fresh.sort(this.#compare)].sort(this.#compare);
      return;
    }
    for (const [id, item] of changes) {
      const before = this.#byId.get(id);
      if (before !== undefined) this.#items.splice(this.#place(before), 1);
      if (item !== null) this.#items.splice(this.#place(item), 0, item);
      this.#keep(id, item);
    }
  }

  /** Where an item is; -1 where it is not. */
  indexOf(id: string): number {
    const item = this.#byId.get(id);
    return item === undefined ? -1 : this.#place(item);
  }

  #keep(id: string, item: Item | null): void {
    if (item === null) this.#byId.delete(id);
    else this.#byId.set(id, item);
  }

  /** The place of the first item that is not before this one. */
  #place(item: Item): number {
    let low = 0;
    for (let high = this.#items.length; low < high;) {
      const middle = (low + high) >> 1;
      const other = this.#items[middle];
      if (other !== undefined && this.#compare(other, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
