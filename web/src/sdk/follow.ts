/**
 * Following a log: its history, then every new line, each exactly once, across reconnects.
 *
 * It goes through the log's topic (`topicfeed.ts`), and through `fairlead.log.follow` where only
 * some sources are wanted (`callfeed.ts`). The cursor (epoch, next) is checked on every batch
 * whichever way it came: what was seen is cut off, and at a hole the follower asks again from
 * where it stands.
 */

import { CallFeed } from "./callfeed.ts";
import type { Caller } from "./connection.ts";
import { Cursor, Hole, type Position } from "./cursor.ts";
import {
  AHEAD,
  isPassing,
  NO_SUCH_STREAM,
  NOT_AUTHORIZED,
  RequestError,
  textOf,
} from "./errors.ts";
import { Recurring } from "./recurring.ts";
import type { ProgressiveCall } from "./session.ts";
import { TopicFeed } from "./topicfeed.ts";
import {
  parseNews,
  type Batch,
  type Dict,
  type Lagged,
  type LogRecord,
  type Reset,
  type Sealed,
} from "./wire.ts";

/** Why a follower stopped by itself. */
export type FollowEnd =
  /** The log is complete; this is its end. */
  | { readonly kind: "sealed"; readonly sealed: Sealed }
  /** The right to read it was taken away while we followed. */
  | { readonly kind: "revoked"; readonly reason: string }
  /** The right to read it was not there to begin with. */
  | { readonly kind: "denied"; readonly reason: string }
  /** The log was deleted while we followed. */
  | { readonly kind: "deleted" }
  | { readonly kind: "failed"; readonly reason: string };

export interface FollowHandlers {
  /**
   * New records, in order, without repetition. The batch that brought them says how much of the
   * stream that was; where sources are chosen there may be no record in it.
   */
  records(records: readonly LogRecord[], batch: Batch): void;
  /** Records that retention removed before we could read them, or that are damaged. */
  lagged(lagged: Lagged): void;
  /** The store was replaced; what comes now begins at its oldest record. */
  reset(reset: Reset): void;
  /** Nothing comes after this. */
  ended(end: FollowEnd): void;
}

/** Where to begin, at most one of the first four (nothing: at the oldest record), and of what. */
export interface FollowOptions {
  /** A position kept from before. */
  readonly from?: Position;
  /** The last so many records. */
  readonly tail?: number;
  /** The last records that have so many bytes together at most. */
  readonly tailBytes?: number;
  /** The first record of this time or later, in microseconds since 1970. */
  readonly sinceUs?: number;
  /** Only the records of these sources. */
  readonly sources?: readonly string[];
}

export class Follower {
  readonly #caller: Caller;
  readonly #stream: string;
  readonly #handlers: FollowHandlers;
  readonly #begin: Dict;
  readonly #sources: readonly string[] | undefined;
  readonly #cursor: Cursor;
  readonly #recurring: Recurring;
  #hasHeard = false;
  #isOver = false;

  constructor(caller: Caller, stream: string, handlers: FollowHandlers, options: FollowOptions) {
    this.#caller = caller;
    this.#stream = stream;
    this.#handlers = handlers;
    this.#begin = beginOf(options);
    this.#sources = options.sources;
    this.#cursor = new Cursor(options.from ?? null);
    this.#recurring = new Recurring(caller, {
      call: (onDict) => this.#feed(onDict),
      dict: (dict) => this.#take(dict),
      refused: (error) => this.#refused(error),
      gaveUp: (reason) => this.#end({ kind: "failed", reason }),
    });
    this.#recurring.begin();
  }

  /** Where to resume; null before the first batch. */
  get position(): Position | null {
    return this.#cursor.position;
  }

  /** Stops; no handler is called any more. */
  stop(): void {
    this.#isOver = true;
    this.#recurring.stop();
  }

  #feed(onDict: (dict: Dict) => void): ProgressiveCall {
    const position = this.#cursor.position;
    const begin = position === null ? this.#begin : { start: position.next, epoch: position.epoch };
    if (this.#sources === undefined) {
      return new TopicFeed(this.#caller, this.#stream, begin, onDict);
    }
    const stream = this.#stream;
    return new CallFeed(
      this.#caller,
      { procedure: "fairlead.log.follow", kwargs: { stream, ...begin, sources: this.#sources } },
      { procedure: "fairlead.log.read", kwargs: { stream, tail: 1 } },
      onDict,
    );
  }

  #take(dict: Dict): void {
    const before = this.#cursor.position?.next;
    try {
      this.#apply(dict);
    } catch (error) {
      if (error instanceof Hole) this.#recurring.askAgain(error.message);
      else this.#end({ kind: "failed", reason: textOf(error) });
      return;
    }
    this.#hasHeard = true;
    if (this.#cursor.position?.next !== before) this.#recurring.isFruitful();
  }

  #apply(dict: Dict): void {
    const news = parseNews(dict);
    if (news.reset !== undefined) this.#startOver(news.reset);
    if (news.lagged !== undefined) {
      this.#cursor.lag(news.lagged);
      this.#handlers.lagged(news.lagged);
    }
    if (news.batch !== undefined) {
      const before = this.#cursor.position?.next;
      const fresh = this.#cursor.accept(news.batch);
      if (this.#cursor.position?.next !== before) this.#handlers.records(fresh, news.batch);
    } else if (news.head !== undefined) this.#cursor.passTo(news.head);
    if (news.revoked !== undefined) this.#end({ kind: "revoked", reason: news.revoked.reason });
    else if (news.deleted !== undefined) this.#end({ kind: "deleted" });
    else if (news.sealed !== undefined) this.#seal(news.sealed);
  }

  #seal(sealed: Sealed): void {
    const next = this.#cursor.position?.next;
    if (next !== undefined && sealed.next !== null && next < sealed.next) {
      throw new Hole(next, sealed.next);
    }
    this.#end({ kind: "sealed", sealed });
  }

  #startOver(reset: Reset): void {
    this.#cursor.reset(reset);
    this.#handlers.reset(reset);
  }

  #refused(error: unknown): void {
    const reason = textOf(error);
    if (!(error instanceof RequestError)) this.#end({ kind: "failed", reason });
    else if (error.uri === NOT_AUTHORIZED) {
      this.#end({ kind: this.#hasHeard ? "revoked" : "denied", reason });
    } else if (error.uri === NO_SUCH_STREAM && this.#hasHeard) this.#end({ kind: "deleted" });
    else if (error.uri === AHEAD && typeof error.details["epoch"] === "number") {
      // Another copy of the log, with fewer records than we have seen: as good as another epoch.
      this.#startOver({ epoch: error.details["epoch"], oldest: 0, next: 0 });
      this.#recurring.askAgain(reason);
    } else if (isPassing(error.uri)) this.#recurring.askLater();
    else this.#end({ kind: "failed", reason });
  }

  #end(end: FollowEnd): void {
    if (this.#isOver) return;
    this.stop();
    this.#handlers.ended(end);
  }
}

function beginOf({ tail, tailBytes, sinceUs }: FollowOptions): Dict {
  if (tail !== undefined) return { tail };
  if (tailBytes !== undefined) return { tail_bytes: tailBytes };
  return sinceUs === undefined ? {} : { since: sinceUs };
}
