/**
 * A progressive call that is meant to last, such as `fairlead.log.follow` and `fairlead.record.watch`.
 *
 * The service sends a heartbeat to whoever hears nothing; when even that stays away, one answer is
 * asked for, and its not coming tells the connection that it is none any more.
 */

import type { Caller } from "./connection.ts";
import type { ProgressiveCall } from "./session.ts";
import type { Dict } from "./wire.ts";

const HEARTBEAT_S = 30;
/** A heartbeat and as much again for the way. */
const SILENCE_MS = 2_000 * HEARTBEAT_S;

export interface Asked {
  readonly procedure: string;
  readonly kwargs: Dict;
}

export class CallFeed implements ProgressiveCall {
  readonly done: Promise<Dict>;
  readonly #call: ProgressiveCall;
  readonly #timer: ReturnType<typeof setInterval>;
  #isSilent = false;

  /** @param probe a cheap call, whose answer shows that the server is there */
  constructor(caller: Caller, asked: Asked, probe: Asked, onDict: (dict: Dict) => void) {
    const kwargs = { ...asked.kwargs, heartbeat_s: HEARTBEAT_S };
    this.#call = caller.callProgressively(asked.procedure, kwargs, (dict) => {
      this.#isSilent = false;
      onDict(dict);
    });
    this.#timer = setInterval(() => {
      if (this.#isSilent) caller.call(probe.procedure, probe.kwargs).catch(() => {});
      this.#isSilent = true;
    }, SILENCE_MS);
    this.done = this.#call.done.finally(() => clearInterval(this.#timer));
  }

  cancel(): void {
    clearInterval(this.#timer);
    this.#call.cancel();
  }
}
