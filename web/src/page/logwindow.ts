/**
 * The part of a log that is held, of bounded size: a window that is moved over the log.
 *
 * Attached, it goes with the end of the log: what the follower hears is appended. Detached, it stays
 * where the reader looks, and grows by pages at either end; when it comes to where the follower
 * is, it is attached again. Nothing is held twice, and nothing between is left out.
 */

import { LogBook, type Limit } from "../lines/book.ts";
import { plural } from "../lines/marker.ts";
import {
  readEarlier,
  readLog,
  readRange,
  type Batch,
  type Caller,
  type Lagged,
  type LogRecord,
  type Range,
} from "../sdk/index.ts";

/** Fetched each time the reader comes near the first or the last line that is held. */
const PAGE_RECORDS = 2_000;
/**
 * Some 100 MB in a browser at worst. While the end is followed the earliest lines go. Where the
 * reader has scrolled up nothing goes: new lines are not taken in, or the window is moved.
 */
export const HELD: Limit = { lines: 200_000, characters: 32_000_000 };

/** What is shown of which log. */
export interface Shown {
  readonly caller: Caller;
  readonly stream: string;
  /** Null shows all sources. */
  readonly sources: readonly string[] | null;
}

export interface WindowEvents {
  /** Something is held, or known, that was not. */
  changed(): void;
  failed(error: unknown): void;
  /** The log is another one now. */
  replaced(): void;
  /** The number of the first record that the follower has not seen; null before it has seen any. */
  followedTo(): number | null;
}

export class LogWindow {
  readonly book = new LogBook();
  readonly #shown: Shown;
  readonly #events: WindowEvents;
  #epoch: number | null = null;
  /** The earliest record that can still be fetched, as far as we know. */
  #oldest = 0;
  /** Up to this number all is held that is wanted. */
  #end = 0;
  #isAttached = true;
  #isFetching = false;
  #isOver = false;

  constructor(shown: Shown, events: WindowEvents) {
    this.#shown = shown;
    this.#events = events;
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  get isFetching(): boolean {
    return this.#isFetching;
  }

  /** Whether there are earlier records than those held, as far as we know. */
  get hasEarlier(): boolean {
    return this.book.firstSeq !== null && this.book.firstSeq > this.#oldest;
  }

  /** Whether there were earlier records, which are not kept any more. */
  get hasLostEarlier(): boolean {
    return this.#oldest > 0;
  }

  get epoch(): number | null {
    return this.#epoch;
  }

  /** Nothing is fetched or told any more. */
  close(): void {
    this.#isOver = true;
  }

  /** Goes away from the end of the log, to this record, with a page behind it and one in front. */
  async openAt(seq: number, epoch: number): Promise<void> {
    this.#isAttached = false;
    this.#epoch = epoch;
    this.#end = seq;
    this.book.append([], seq);
    await this.fetchLater();
    await this.fetchEarlier();
  }

  // ---- what the follower hears

  /** Takes in new records, unless the window is elsewhere; how many lines that makes. */
  add(records: readonly LogRecord[], batch: Batch, isFollowed: boolean): number {
    this.#epoch = batch.epoch;
    if (!isFollowed && this.book.exceeds(HELD)) this.#isAttached = false;
    if (!this.#isAttached) return records.length;
    const before = this.book.lineCount;
    this.book.append(records, batch.first);
    const added = this.book.lineCount - before;
    this.#end = batch.next;
    if (isFollowed) this.book.trim(HELD);
    return added;
  }

  /** Says what is missing at the end; a detached window finds it when it comes there. */
  lag(lagged: Lagged): void {
    if (!this.#isAttached) return;
    if (this.book.firstSeq === null) this.#oldest = lagged.to;
    this.book.interrupt(missing(lagged));
    this.#end = lagged.to;
  }

  // ---- pages

  /** Reads a page in front of what is held. */
  async fetchEarlier(): Promise<void> {
    const to = this.book.firstSeq;
    const epoch = this.#epoch;
    if (to === null || epoch === null || !this.hasEarlier) return;
    await this.#fetch(async () => {
      const range = await this.#earlier(epoch, to);
      // Meanwhile it may have been trimmed.
      if (this.#isOver || this.book.firstSeq !== to) return;
      const { records, damage } = range;
      this.book.prepend(records, damage === null ? range.from : undefined);
      if (damage !== null) this.book.prependMissing(missing(damage), damage.from);
      this.#oldest = Math.max(this.#oldest, range.oldest);
    });
  }

  /** Reads a page behind what is held, where that is not the follower's matter. */
  async fetchLater(): Promise<void> {
    const epoch = this.#epoch;
    if (this.#isAttached || epoch === null) return;
    await this.#fetch(async () => {
      const { caller, stream, sources } = this.#shown;
      const about = { start: this.#end, epoch, limit: PAGE_RECORDS };
      const chosen = sources === null ? {} : { sources };
      const news = await readLog(caller, stream, { ...about, ...chosen });
      if (this.#isOver) return;
      if (news.reset !== undefined || news.batch === undefined) return this.#events.replaced();
      if (news.lagged !== undefined) this.book.interrupt(missing(news.lagged));
      this.#takeLater(news.batch);
      this.book.trim(HELD);
    });
  }

  #takeLater(batch: Batch): void {
    // What the follower has not seen yet it will bring itself.
    const followedTo = this.#events.followedTo() ?? Infinity;
    this.book.append(
      batch.records.filter(({ seq }) => seq < followedTo),
      batch.first,
    );
    this.#end = Math.min(batch.next, followedTo);
    this.#isAttached = batch.next >= followedTo;
  }

  #earlier(epoch: number, to: number): Promise<Range> {
    const { caller, stream, sources } = this.#shown;
    if (sources !== null) return readEarlier(caller, stream, epoch, to, sources, PAGE_RECORDS);
    const from = Math.max(this.#oldest, to - PAGE_RECORDS);
    return readRange(caller, stream, epoch, from, to);
  }

  async #fetch(page: () => Promise<void>): Promise<void> {
    if (this.#isFetching || this.#isOver) return;
    this.#isFetching = true;
    this.#events.changed();
    try {
      await page();
    } catch (error) {
      if (!this.#isOver) this.#events.failed(error);
    } finally {
      this.#isFetching = false;
      if (!this.#isOver) this.#events.changed();
    }
  }
}

function missing({ from, to, isDamage }: Lagged): string {
  const lines = plural(to - from, "line");
  const are = `${lines} ${to - from === 1 ? "is" : "are"}`;
  return isDamage ? `${are} damaged and left out here.` : `${are} not kept any more.`;
}
