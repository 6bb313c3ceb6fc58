/**
 * A log through the call `fairlead.log.follow`: for what a topic does not give, a filter by source.
 *
 * The service sends `{head}` to whoever hears nothing; when even that stays away, one answer is
 * asked for, and its not coming tells the connection that it is none any more.
 */

import type { Caller } from "./connection.ts";
import type { ProgressiveCall } from "./session.ts";
import type { Dict } from "./wire.ts";

const HEARTBEAT_S = 30;
/** A heartbeat and as much again for the way. */
const SILENCE_MS = 2_000 * HEARTBEAT_S;

export class CallFeed implements ProgressiveCall {
  readonly done: Promise<Dict>;
  readonly #call: ProgressiveCall;
  readonly #timer: ReturnType<typeof setInterval>;
  #isSilent = false;

  /** @param about the arguments of `follow`: where it begins, and the `sources` */
  constructor(caller: Caller, stream: string, about: Dict, onDict: (dict: Dict) => void) {
    const kwargs = { stream, ...about, heartbeat_s: HEARTBEAT_S };
    this.#call = caller.callProgressively("fairlead.log.follow", kwargs, (dict) => {
      this.#isSilent = false;
      onDict(dict);
    });
    this.#timer = setInterval(() => {
      if (this.#isSilent) caller.call("fairlead.log.read", { stream, tail: 1 }).catch(() => {});
      this.#isSilent = true;
    }, SILENCE_MS);
    this.done = this.#call.done.finally(() => clearInterval(this.#timer));
  }

  cancel(): void {
    clearInterval(this.#timer);
    this.#call.cancel();
  }
}
