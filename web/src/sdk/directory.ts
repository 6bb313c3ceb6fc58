/**
 * The streams that one may read, as they are now: listed once, then kept up to date by events.
 *
 * It subscribes to the prefix `fairlead.directory.` first and lists then, so nothing is missed
 * between the two; answers and events of a session come in order, so the later one is right. What
 * is no event it learns by `refresh()`: how long a stream has grown, and which of them one may
 * read meanwhile, or may not any more.
 */

import type { Caller } from "./connection.ts";
import { listLogs } from "./logs.ts";
import type { Subscription } from "./subscriptions.ts";
import { parseStreamInfo, type Dict, type StreamInfo } from "./wire.ts";

const TOPICS = "fairlead.directory.";
/** More streams than this nobody looks through; a list with a narrower prefix is for them. */
export const STREAMS_LIMIT = 10_000;

export interface DirectoryHandlers {
  /** The streams have changed. */
  changed(): void;
  /** They could not be read; what there is may be out of date. */
  failed(error: unknown): void;
}

export class Directory {
  readonly #caller: Caller;
  readonly #handlers: DirectoryHandlers;
  readonly #streams = new Map<string, StreamInfo>();
  readonly #forgetLive: () => void;
  #subscription: Subscription | null = null;
  /** The streams heard of while they are listed, which the pages may not know. */
  #heardOf: Set<string> | null = null;
  #isListed = false;
  #isComplete = true;
  #isOver = false;

  constructor(caller: Caller, handlers: DirectoryHandlers) {
    this.#caller = caller;
    this.#handlers = handlers;
    this.#forgetLive = caller.onLive(() => this.#begin());
    if (caller.isLive) this.#begin();
  }

  /** By name; what they are, in no order that means anything. */
  get streams(): ReadonlyMap<string, StreamInfo> {
    return this.#streams;
  }

  /** Whether they have been read at all. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Whether these are all; there are at most `STREAMS_LIMIT` here. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Nothing is heard or read any more. */
  stop(): void {
    this.#isOver = true;
    this.#forgetLive();
    this.#subscription?.end();
  }

  /** Reads them all again; one at a time. */
  async refresh(): Promise<void> {
    if (this.#isOver || !this.#caller.isLive || this.#heardOf !== null) return;
    const heardOf = (this.#heardOf = new Set<string>());
    try {
      // Where it is refused the list is as new as the last `refresh()`.
      await this.#subscription?.ready.catch(() => {});
      await this.#list(heardOf);
      if (!this.#isOver) this.#handlers.changed();
    } catch (error) {
      if (!this.#isOver) this.#handlers.failed(error);
    } finally {
      if (this.#heardOf === heardOf) this.#heardOf = null;
    }
  }

  #begin(): void {
    this.#subscription = this.#caller.subscribe(TOPICS, "prefix", (dict) => this.#heard(dict));
    // What an earlier session was asked for is not waited for.
    this.#heardOf = null;
    void this.refresh();
  }

  async #list(heardOf: Set<string>): Promise<void> {
    let after: string | null = null;
    const found = new Set<string>();
    do {
      const page = await listLogs(this.#caller, after === null ? {} : { after });
      if (this.#heardOf !== heardOf) return;
      for (const info of page.streams) {
        found.add(info.stream);
        this.#streams.set(info.stream, info);
      }
      after = page.after;
    } while (after !== null && found.size < STREAMS_LIMIT);
    this.#isComplete = after === null;
    this.#isListed = true;
    for (const name of [...this.#streams.keys()]) {
      if (!found.has(name) && !heardOf.has(name)) this.#streams.delete(name);
    }
  }

  #heard(dict: Dict): void {
    if (this.#isOver) return;
    const info = parseStreamInfo(dict);
    const { stream } = info;
    this.#heardOf?.add(stream);
    if (dict["change"] === "deleted") this.#streams.delete(stream);
    else if (this.#streams.size < STREAMS_LIMIT || this.#streams.has(stream)) {
      this.#streams.set(stream, info);
    } else this.#isComplete = false;
    this.#handlers.changed();
  }
}
