/**
 * Following a log: its history, then every new line, each exactly once, across reconnects.
 *
 * It rests on the procedure `fairlead.log.follow` and its progressive results, not on the topic
 * `fairlead.stream.<id>` with `get_retained`. Both would do; with wampy the call is the safer one:
 * - one ordered channel from the history into the live lines. The topic has two that the client
 *   must join (retained events, and `read` for what they do not reach back to), on each reconnect;
 * - a call ends with an ERROR that says why, and wampy hands it over. A subscription that the
 *   router ends leaves wampy's handler behind, waiting for events that never come;
 * - wampy 8.0.2 forgets the options of a subscription when it is unsubscribed: after a subscribe
 *   with `get_retained` its UNSUBSCRIBED handler throws, and the promise never settles.
 * What it costs: the router copies a batch for each follower, where the topic shares the bytes. A
 * wall of a thousand viewers of one log would be the reason to look at the topic again.
 *
 * The cursor (epoch, next) is checked on every batch all the same: what was seen is cut off, and
 * at a hole the follower asks again from where it stands.
 */

import type { Caller } from "./connection.ts";
import { Cursor, Hole, type Position } from "./cursor.ts";
import { AHEAD, ConnectionLost, isPassing, NOT_AUTHORIZED, RequestError } from "./errors.ts";
import type { Dict, ProgressiveCall } from "./session.ts";
import { parseNews, type Lagged, type LogRecord, type Reset, type Sealed } from "./wire.ts";

/** Why a follower stopped by itself. */
export type FollowEnd =
  /** The log is complete; this is its end. */
  | { readonly kind: "sealed"; readonly sealed: Sealed }
  /** The right to read it was taken away while we followed. */
  | { readonly kind: "revoked"; readonly reason: string }
  /** The right to read it was not there to begin with. */
  | { readonly kind: "denied"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

export interface FollowHandlers {
  /** New records, in order, without repetition. */
  records(records: readonly LogRecord[], epoch: number): void;
  /** Records that retention removed before we could read them. */
  lagged(lagged: Lagged): void;
  /** The store was replaced; what comes now begins at its oldest record. */
  reset(reset: Reset): void;
  /** Nothing comes after this. */
  ended(end: FollowEnd): void;
}

/** Where to begin: at a position kept from before, with the last `tail` records, or at the oldest. */
export type FollowStart = { readonly from: Position } | { readonly tail: number } | null;

/** How often to ask again from the same position before it must be the server's mistake. */
const FRUITLESS_LIMIT = 5;
/** The pause before asking again, times the number of attempts without fruit. */
const PAUSE_MS = 500;

export class Follower {
  readonly #caller: Caller;
  readonly #stream: string;
  readonly #handlers: FollowHandlers;
  readonly #start: Dict;
  readonly #cursor: Cursor;
  readonly #forgetLive: () => void;
  #call: ProgressiveCall | null = null;
  #hasHeard = false;
  #isOver = false;
  #fruitless = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(caller: Caller, stream: string, handlers: FollowHandlers, start: FollowStart) {
    this.#caller = caller;
    this.#stream = stream;
    this.#handlers = handlers;
    this.#start = start !== null && "tail" in start ? { tail: start.tail } : {};
    this.#cursor = new Cursor(start !== null && "from" in start ? start.from : null);
    this.#forgetLive = caller.onLive(() => this.#ask());
    if (caller.isLive) this.#ask();
  }

  /** Where to resume; null before the first batch. */
  get position(): Position | null {
    return this.#cursor.position;
  }

  /** Stops; no handler is called any more. */
  stop(): void {
    this.#isOver = true;
    this.#forgetLive();
    clearTimeout(this.#timer);
    this.#call?.cancel();
    this.#call = null;
  }

  #ask(): void {
    const position = this.#cursor.position;
    const where = position === null ? this.#start : { start: position.next, epoch: position.epoch };
    const call = this.#caller.callProgressively(
      "fairlead.log.follow",
      { stream: this.#stream, ...where },
      (dict) => {
        if (this.#call === call) this.#take(dict);
      },
    );
    this.#call = call;
    call.done.then(
      (dict) => {
        if (this.#call === call) this.#finished(dict);
      },
      (error: unknown) => {
        if (this.#call === call) this.#refused(error);
      },
    );
  }

  #take(dict: Dict): void {
    const before = this.#cursor.position?.next;
    try {
      this.#apply(dict);
    } catch (error) {
      if (error instanceof Hole) this.#askAgain(error.message);
      else this.#end({ kind: "failed", reason: textOf(error) });
      return;
    }
    this.#hasHeard = true;
    if (this.#cursor.position?.next !== before) this.#fruitless = 0;
  }

  #apply(dict: Dict): void {
    const news = parseNews(dict);
    if (news.reset !== undefined) this.#startOver(news.reset);
    if (news.lagged !== undefined) {
      this.#cursor.lag(news.lagged);
      this.#handlers.lagged(news.lagged);
    }
    if (news.batch !== undefined) {
      const fresh = this.#cursor.accept(news.batch);
      if (fresh.length > 0) this.#handlers.records(fresh, news.batch.epoch);
    }
    if (news.revoked !== undefined) this.#end({ kind: "revoked", reason: news.revoked.reason });
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

  /** The final result: the seal, or a service that let go of us, which is no reason to stop. */
  #finished(dict: Dict): void {
    this.#take(dict);
    if (this.#call !== null) this.#askAgain("the server ended the call");
  }

  #refused(error: unknown): void {
    this.#call = null;
    // The connection tells us when there is a session again.
    if (error instanceof ConnectionLost) return;
    const reason = textOf(error);
    if (!(error instanceof RequestError)) this.#end({ kind: "failed", reason });
    else if (error.uri === NOT_AUTHORIZED) {
      this.#end({ kind: this.#hasHeard ? "revoked" : "denied", reason });
    } else if (error.uri === AHEAD && typeof error.details["epoch"] === "number") {
      // Another copy of the log, with fewer records than we have seen: as good as another epoch.
      this.#startOver({ epoch: error.details["epoch"], oldest: 0, next: 0 });
      this.#askAgain(reason);
    } else if (isPassing(error.uri)) this.#askAgain(reason);
    else this.#end({ kind: "failed", reason });
  }

  #askAgain(reason: string): void {
    this.#call?.cancel();
    this.#call = null;
    this.#fruitless += 1;
    if (this.#fruitless >= FRUITLESS_LIMIT) {
      this.#end({ kind: "failed", reason });
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (this.#call === null && this.#caller.isLive) this.#ask();
      },
      PAUSE_MS * (this.#fruitless - 1),
    );
  }

  #end(end: FollowEnd): void {
    if (this.#isOver) return;
    this.stop();
    this.#handlers.ended(end);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
