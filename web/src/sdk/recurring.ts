/**
 * A call that is to last: made anew in every session, and again after a pause where it ends early.
 *
 * It knows nothing of what is asked: whoever uses it says how to call, as of now, and what answers
 * mean. What an old call still says is not heard.
 */

import type { Caller } from "./connection.ts";
import { ConnectionLost } from "./errors.ts";
import type { ProgressiveCall } from "./session.ts";
import type { Dict } from "./wire.ts";

/** How often to ask again from the same position before it must be the server's mistake. */
const FRUITLESS_LIMIT = 5;
/** The pause before asking again, times the number of attempts without fruit. */
const PAUSE_MS = 500;
/** What passes by itself may take long; a person waits no longer than this once it has passed. */
const PAUSE_LIMIT_MS = 10_000;

export interface RecurringHandlers {
  /** Makes the call from where one stands. */
  call(onDict: (dict: Dict) => void): ProgressiveCall;
  /** A progressive result, or the final one. */
  dict(dict: Dict): void;
  /** The call has failed, and the connection stands. */
  refused(error: unknown): void;
  /** It was asked again too often without fruit. */
  gaveUp(reason: string): void;
}

export class Recurring {
  readonly #caller: Caller;
  readonly #handlers: RecurringHandlers;
  readonly #forgetLive: () => void;
  #call: ProgressiveCall | null = null;
  #fruitless = 0;
  #refusals = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(caller: Caller, handlers: RecurringHandlers) {
    this.#caller = caller;
    this.#handlers = handlers;
    this.#forgetLive = caller.onLive(() => this.#ask());
  }

  /** Asks if there is a session; it is asked in those that come anyway. */
  begin(): void {
    if (this.#caller.isLive) this.#ask();
  }

  /** There was something new: the next attempts without any are counted from here. */
  isFruitful(): void {
    this.#fruitless = this.#refusals = 0;
  }

  /** Asks again, after a pause that grows with each attempt in vain. */
  askAgain(reason: string): void {
    this.#fruitless += 1;
    if (this.#fruitless < FRUITLESS_LIMIT) this.#askAfter(PAUSE_MS * (this.#fruitless - 1));
    else {
      this.#drop();
      this.#handlers.gaveUp(reason);
    }
  }

  /** Asks again, as often as it takes: it is refused for a reason that passes. */
  askLater(): void {
    this.#refusals += 1;
    this.#askAfter(Math.min(PAUSE_MS * this.#refusals, PAUSE_LIMIT_MS));
  }

  /** Nothing is asked or told any more. */
  stop(): void {
    this.#forgetLive();
    clearTimeout(this.#timer);
    this.#drop();
  }

  #askAfter(pauseMs: number): void {
    this.#drop();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#call === null && this.#caller.isLive) this.#ask();
    }, pauseMs);
  }

  #ask(): void {
    // That of a lost session has timers still.
    this.#call?.cancel();
    const call = this.#handlers.call((dict) => {
      if (this.#call === call) this.#handlers.dict(dict);
    });
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

  /** Where the final result was not the end, the service let go of us, which is no reason to stop. */
  #finished(dict: Dict): void {
    this.#handlers.dict(dict);
    if (this.#call !== null) this.askAgain("the server ended the call");
  }

  #refused(error: unknown): void {
    this.#drop();
    // The connection tells us when there is a session again.
    if (!(error instanceof ConnectionLost)) this.#handlers.refused(error);
  }

  #drop(): void {
    this.#call?.cancel();
    this.#call = null;
  }
}
