/**
 * The records that a watch is about, as they are: what each of its dicts changes. No I/O.
 *
 * Each bookmark says that the picture is whole; after a lost session the next call goes on at the
 * last one. What had come after that bookmark may be told again, or be true no more: of such a
 * record the next bookmark decides, and until then the picture keeps what was told last. The same
 * holds for all records after a reset. So each change is seen once, and never an older state after
 * a newer one.
 */

import type { RecordChange, RecordEntry, WatchNews } from "./records.ts";

export class Picture {
  readonly #entries = new Map<string, RecordEntry>();
  #bookmark: string | null = null;
  /** What the next bookmark decides of: these records as they were at the last one. */
  #unsure = new Map<string, RecordEntry | null>();
  /** What has changed since the last bookmark, as it was there. */
  #since = new Map<string, RecordEntry | null>();
  /** Whether all is told anew until the next bookmark. */
  #isReset = false;

  /** By id. */
  get entries(): ReadonlyMap<string, RecordEntry> {
    return this.#entries;
  }

  /** Where the next call goes on; null before the first. */
  get bookmark(): string | null {
    return this.#bookmark;
  }

  /** Another call begins. */
  begin(): void {
    this.#unsure = new Map([...this.#since, ...this.#unsure]);
    this.#since = new Map();
  }

  /** Takes a dict in; what is different now. */
  take(news: WatchNews): RecordChange[] {
    const different: RecordChange[] = [];
    if (news.reset !== null) {
      this.#unsure = new Map([...this.#entries.keys()].map((id) => [id, null]));
      this.#since = new Map();
      this.#isReset = true;
    }
    for (const change of news.changes) {
      const id = change.change === "removed" ? change.id : change.entry.id;
      if (!this.#since.has(id)) {
        const before = this.#unsure.has(id) ? this.#unsure : this.#entries;
        this.#since.set(id, before.get(id) ?? null);
        this.#unsure.delete(id);
      }
      this.#apply(change, different);
    }
    if (news.bookmark !== null) this.#complete(news.bookmark, different);
    return different;
  }

  #apply(change: RecordChange, different: RecordChange[]): void {
    if (change.change === "removed") {
      if (this.#entries.delete(change.id)) different.push(change);
      return;
    }
    const { entry } = change;
    const known = this.#entries.get(entry.id);
    if (known !== undefined && this.#isToldAgain(known, entry)) return;
    this.#entries.set(entry.id, entry);
    different.push({ change: known === undefined ? "added" : "changed", entry });
  }

  /** Behind a reset it may be another record of that id, whose versions begin anew. */
  #isToldAgain(known: RecordEntry, entry: RecordEntry): boolean {
    if (!this.#isReset) return known.version >= entry.version;
    return known.version === entry.version && known.changedUs === entry.changedUs;
  }

  /** What was unsure and was not spoken of is as it was at the bookmark before. */
  #complete(bookmark: string, different: RecordChange[]): void {
    for (const [id, entry] of this.#unsure) {
      this.#apply(
        entry === null
          ? { change: "removed", id, isDeleted: false, state: null }
          : { change: "added", entry },
        different,
      );
    }
    this.#unsure = new Map();
    this.#since = new Map();
    this.#isReset = false;
    this.#bookmark = bookmark;
  }
}
