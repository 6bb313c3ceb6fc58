/**
 * Watching records: what there is, then every change of it, across reconnects.
 *
 * One call of `fairlead.record.watch` brings both; after a lost session the next one goes on at the
 * last bookmark, so that nothing is missed and nothing is told twice (`picture.ts`).
 */

import { CallFeed } from "./callfeed.ts";
import type { Caller } from "./connection.ts";
import { ConnectionLost, isPassing, NOT_AUTHORIZED, RequestError, textOf } from "./errors.ts";
import { Picture } from "./picture.ts";
import {
  parseWatchNews,
  type RecordChange,
  type RecordEntry,
  type ResetReason,
} from "./records.ts";
import { Recurring } from "./recurring.ts";
import type { Dict } from "./wire.ts";

/** A field, an operator (= != < <= > >= in "not in" exists), and a value. */
export type Condition = readonly [field: string, op: string, value: unknown];

/** Which records are wanted: everything that is said must be true. */
export interface WatchQuery {
  readonly ids?: readonly string[];
  readonly kind?: string;
  readonly owner?: string;
  /** All of these. */
  readonly where?: readonly Condition[];
  /** At least one of these lists. */
  readonly any?: readonly (readonly Condition[])[];
}

/** Why a watch stopped by itself. */
export interface WatchEnd {
  /** `denied`: this user may not watch. */
  readonly kind: "denied" | "failed";
  readonly reason: string;
}

export interface WatchHandlers {
  /**
   * What is different now, in order.
   *
   * @param isWhole whether the entries equal what there was at one moment
   */
  changed(changes: readonly RecordChange[], isWhole: boolean): void;
  /** Everything is told anew; what is different comes as changes. */
  reset?(reason: ResetReason): void;
  /** Nothing comes after this. */
  ended(end: WatchEnd): void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Watcher {
  readonly #caller: Caller;
  readonly #query: WatchQuery;
  readonly #handlers: WatchHandlers;
  readonly #picture = new Picture();
  readonly #recurring: Recurring;
  /** Who waits for a mark, by its token. */
  readonly #marks = new Map<string, Waiting>();
  /** Of the watch in its session; null until its first dict. */
  #number: number | null = null;
  #lastMark = 0;
  #isOver = false;

  constructor(caller: Caller, query: WatchQuery, handlers: WatchHandlers) {
    this.#caller = caller;
    this.#query = query;
    this.#handlers = handlers;
    this.#recurring = new Recurring(caller, {
      call: (onDict) => this.#call(onDict),
      dict: (dict) => this.#take(dict),
      refused: (error) => this.#refused(error),
      gaveUp: (reason) => this.#end({ kind: "failed", reason }),
    });
    this.#recurring.begin();
  }

  /** The records as they are, by id. */
  get entries(): ReadonlyMap<string, RecordEntry> {
    return this.#picture.entries;
  }

  /** Whether there was a moment at which the records were these; before, they are a part. */
  get isWhole(): boolean {
    return this.#picture.bookmark !== null;
  }

  /** Settles when the entries have everything that was acknowledged before; rejects if it ends. */
  fresh(): Promise<void> {
    if (this.#isOver) return Promise.reject(new ConnectionLost("the watch has ended"));
    const token = String(++this.#lastMark);
    return new Promise((resolve, reject) => {
      this.#marks.set(token, { resolve, reject });
      this.#askMark(token);
    });
  }

  /** Stops; no handler is called any more. */
  stop(): void {
    this.#isOver = true;
    this.#recurring.stop();
    const waiting = [...this.#marks.values()];
    this.#marks.clear();
    for (const { reject } of waiting) reject(new ConnectionLost("the watch has ended"));
  }

  #call(onDict: (dict: Dict) => void): CallFeed {
    this.#picture.begin();
    this.#number = null;
    const { bookmark } = this.#picture;
    const kwargs = { ...this.#query, ...(bookmark === null ? {} : { bookmark }) };
    return new CallFeed(
      this.#caller,
      { procedure: "fairlead.record.watch", kwargs },
      { procedure: "fairlead.record.list", kwargs: { limit: 1 } },
      onDict,
    );
  }

  #take(dict: Dict): void {
    try {
      this.#apply(dict);
    } catch (error) {
      this.#end({ kind: "failed", reason: textOf(error) });
    }
  }

  #apply(dict: Dict): void {
    const news = parseWatchNews(dict);
    if (news.watch !== null) {
      this.#number = news.watch;
      for (const token of this.#marks.keys()) this.#askMark(token);
    }
    if (news.reset !== null) this.#handlers.reset?.(news.reset);
    const changes = this.#picture.take(news);
    const isWhole = news.bookmark !== null;
    if (isWhole) this.#recurring.isFruitful();
    if (changes.length > 0 || isWhole) this.#handlers.changed(changes, isWhole);
    if (news.mark !== null) {
      this.#marks.get(news.mark)?.resolve();
      this.#marks.delete(news.mark);
    }
  }

  /** In vain where the session ends meanwhile: the next one is asked again. */
  #askMark(token: string): void {
    const watch = this.#number;
    if (watch === null || !this.#caller.isLive) return;
    this.#caller.call("fairlead.record.mark", { watch, token }).catch((error: unknown) => {
      if (watch !== this.#number || !(error instanceof RequestError)) return;
      this.#marks.get(token)?.reject(error);
      this.#marks.delete(token);
    });
  }

  #refused(error: unknown): void {
    const reason = textOf(error);
    if (!(error instanceof RequestError)) this.#end({ kind: "failed", reason });
    else if (isPassing(error.uri)) this.#recurring.askLater();
    else this.#end({ kind: error.uri === NOT_AUTHORIZED ? "denied" : "failed", reason });
  }

  #end(end: WatchEnd): void {
    if (this.#isOver) return;
    this.stop();
    this.#handlers.ended(end);
  }
}

/** Watches records until `stop()` is called, or it is refused. */
export function watchRecords(caller: Caller, query: WatchQuery, handlers: WatchHandlers): Watcher {
  return new Watcher(caller, query, handlers);
}
