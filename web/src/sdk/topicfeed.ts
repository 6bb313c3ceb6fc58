/**
 * A log through its topic: the history by `read`, then every event of `fairlead.stream.<id>`.
 *
 * Many viewers of one log share the bytes of an event, where `fairlead.log.follow` makes a copy for
 * each. The subscription comes first; what is heard while pages are read waits (the latest of it)
 * until the pages have come so far that it goes on from there. Where an event begins behind what
 * was seen, pages are read again. So nothing depends on retained events, of which not every
 * router has as many.
 *
 * It looks like a progressive call: dicts until `cancel()`, and `done` rejects with what ends it.
 */

import type { Caller } from "./connection.ts";
import type { Position } from "./cursor.ts";
import type { ProgressiveCall } from "./session.ts";
import type { Subscription } from "./subscriptions.ts";
import { integer, isDict, type Dict } from "./wire.ts";

export const STREAM_TOPIC = "fairlead.stream.";
/** Records asked for at once; the service stops at 256 KiB. */
const PAGE_RECORDS = 2_000;
/** Events that wait at most; the pages bring what had to go. */
const WAITING_LIMIT = 100;
/**
 * A topic has no heartbeat and a browser sees no ping: after so long a silence one page is asked
 * for. It shows that nothing was missed, or, by not coming, that the network has gone.
 */
export const SILENCE_MS = 30_000;

export class TopicFeed implements ProgressiveCall {
  readonly done: Promise<never>;
  readonly #caller: Caller;
  readonly #stream: string;
  readonly #begin: Dict;
  readonly #onDict: (dict: Dict) => void;
  readonly #subscription: Subscription;
  readonly #timer: ReturnType<typeof setInterval>;
  #fail!: (error: unknown) => void;
  /** Null until the first page. */
  #position: Position | null = null;
  /** What was heard while pages are read; null when nothing stands between us and the events. */
  #waiting: Dict[] | null = [];
  #isSilent = false;
  #isOver = false;

  /** @param begin where the first page begins: `start` and `epoch`, `tail`, `tail_bytes`, `since` or nothing */
  constructor(caller: Caller, stream: string, begin: Dict, onDict: (dict: Dict) => void) {
    this.#caller = caller;
    this.#stream = stream;
    this.#begin = begin;
    this.#onDict = onDict;
    this.done = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#subscription = caller.subscribe(STREAM_TOPIC + stream, "exact", (dict) =>
      this.#heard(dict),
    );
    this.#timer = setInterval(() => this.#breakSilence(), SILENCE_MS);
    void this.#fill();
  }

  cancel(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#subscription.end();
  }

  // ---- pages

  /** Reads pages until the events go on where they end. */
  async #fill(): Promise<void> {
    try {
      await this.#subscription.ready;
      while (!this.#isOver && !this.#join(await this.#page()));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads one page; whether it came to the head. */
  async #page(): Promise<boolean> {
    const { next: start, epoch } = this.#position ?? {};
    const where = start === undefined ? this.#begin : { start, epoch };
    const about = { stream: this.#stream, limit: PAGE_RECORDS, ...where };
    const page = await this.#caller.call("fairlead.log.read", about);
    if (this.#isOver) return true;
    const next = integer(page, "next");
    const isAtHead = next >= integer(page, "head");
    this.#position = { epoch: integer(page, "epoch"), next };
    // A page tells of the end of the log long before it comes to it.
    this.#onDict(isAtHead ? page : { ...page, sealed: null });
    return isAtHead;
  }

  /** Whether the events go on where the pages have come to; then they do. */
  #join(isAtHead: boolean): boolean {
    const next = this.#position?.next ?? 0;
    const unseen = (this.#waiting ?? []).filter((dict) => !isBatch(dict) || dict.next > next);
    this.#waiting = unseen;
    const first = unseen.find(isBatch);
    if (first === undefined ? !isAtHead : first.first > next) return false;
    this.#waiting = null;
    for (const dict of unseen) this.#heard(dict);
    return true;
  }

  // ---- events

  #heard(dict: Dict): void {
    if (this.#isOver) return;
    this.#isSilent = false;
    // The end of a right, or of the log, waits for nothing.
    if (isDict(dict["revoked"]) || isDict(dict["deleted"])) this.#onDict(dict);
    else if (this.#waiting !== null) this.#wait(this.#waiting, dict);
    else if (this.#follows(dict)) this.#onDict(dict);
    else {
      this.#waiting = [dict];
      void this.#fill();
    }
  }

  #wait(waiting: Dict[], dict: Dict): void {
    waiting.push(dict);
    if (waiting.length > WAITING_LIMIT) waiting.shift();
  }

  /** Whether nothing is missing in front of it; moves on behind it. */
  #follows(dict: Dict): boolean {
    const position = this.#position;
    if (!isBatch(dict) || position === null) return true;
    if (dict.epoch !== position.epoch || dict.first > position.next) return false;
    this.#position = { epoch: position.epoch, next: Math.max(position.next, dict.next) };
    return true;
  }

  #breakSilence(): void {
    if (this.#isSilent && this.#waiting === null) {
      this.#waiting = [];
      void this.#fill();
    }
    this.#isSilent = true;
  }
}

/** Where a batch stands; its records are the follower's matter. */
interface Stretch extends Dict {
  readonly first: number;
  readonly next: number;
  readonly epoch: number;
}

function isBatch(dict: Dict): dict is Stretch {
  return ["first", "next", "epoch"].every((key) => Number.isSafeInteger(dict[key]));
}
