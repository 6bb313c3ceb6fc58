/**
 * A session that comes back: connects, and connects again with jittered back-off when it is lost.
 *
 * It keeps no calls over a reconnect. Whoever needs more than one answer (the follower) listens
 * for the next `live` and asks again from its own cursor, because only it knows what it has seen.
 */

import { delayBeforeAttempt } from "./backoff.ts";
import { ConnectionLost, SessionRefused } from "./errors.ts";
import { Session, type ProgressiveCall, type SessionOptions } from "./session.ts";
import type { Match, Subscription } from "./subscriptions.ts";
import type { Dict } from "./wire.ts";

export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Lost; the next attempt is made at `retryAtMs` (as of `Date.now()`). */
  | { readonly kind: "waiting"; readonly retryAtMs: number; readonly reason: string }
  /** The router will not have us; only other credentials help. */
  | { readonly kind: "refused"; readonly uri: string; readonly reason: string }
  | { readonly kind: "closed" };

/** What a follower needs of a connection. */
export interface Caller {
  readonly isLive: boolean;
  /** Calls the listener at every session that begins from now on; returns how to stop that. */
  onLive(listener: () => void): () => void;
  call(procedure: string, kwargs: Dict): Promise<Dict>;
  callProgressively(procedure: string, kwargs: Dict, onDict: (dict: Dict) => void): ProgressiveCall;
  /** Subscribes for the session that stands; a new session knows nothing of it. */
  subscribe(topic: string, match: Match, onDict: (dict: Dict) => void): Subscription;
}

/**
 * A browser cannot see WebSocket pings, so a network that went away shows only in an answer that
 * does not come. The slowest honest answer is a 256 KiB `read` over a bad mobile connection.
 */
const ANSWER_TIMEOUT_MS = 20_000;

export class Connection implements Caller {
  readonly #options: SessionOptions;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #state: ConnectionState = { kind: "closed" };
  #session: Session | null = null;
  /** Counts sessions and attempts, so that what an old one still says is not heard. */
  #generation = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isLive(): boolean {
    return this.#session !== null;
  }

  /** Calls the listener at every change of state; returns how to stop that. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onLive(listener: () => void): () => void {
    return this.onState((state) => {
      if (state.kind === "live") listener();
    });
  }

  /** Begins to connect. */
  open(): void {
    if (this.#state.kind === "closed") void this.#attempt();
  }

  /** Makes the waiting attempt now: the network is back, or a person is impatient. */
  retryNow(): void {
    if (this.#state.kind === "waiting") void this.#attempt();
  }

  /** Ends the session for good. */
  close(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = null;
    this.#enter({ kind: "closed" });
  }

  async call(procedure: string, kwargs: Dict): Promise<Dict> {
    const session = this.#established();
    return this.#inTime(session, session.call(procedure, kwargs));
  }

  callProgressively(
    procedure: string,
    kwargs: Dict,
    onDict: (dict: Dict) => void,
  ): ProgressiveCall {
    return this.#established().callProgressively(procedure, kwargs, onDict);
  }

  subscribe(topic: string, match: Match, onDict: (dict: Dict) => void): Subscription {
    const session = this.#established();
    const { ready, end } = session.subscribe(topic, match, onDict);
    return { ready: this.#inTime(session, ready), end };
  }

  /** The answer, or the end of a session that gives none. */
  async #inTime<Answer>(session: Session, answer: Promise<Answer>): Promise<Answer> {
    const generation = this.#generation;
    const timer = setTimeout(() => {
      if (generation !== this.#generation) return;
      session.drop();
      this.#lost(new ConnectionLost("the server does not answer"));
    }, ANSWER_TIMEOUT_MS);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #established(): Session {
    if (this.#session === null) throw new ConnectionLost("not connected");
    return this.#session;
  }

  async #attempt(): Promise<void> {
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    this.#enter({ kind: "connecting" });
    try {
      const session = await Session.open(this.#options, (error) => {
        if (generation === this.#generation) this.#lost(error);
      });
      if (generation !== this.#generation) return session.close();
      this.#session = session;
    } catch (error) {
      if (generation === this.#generation) this.#lost(error as Error);
      return;
    }
    this.#failures = 0;
    this.#enter({ kind: "live" });
  }

  #lost(error: Error): void {
    this.#generation += 1;
    this.#session = null;
    if (error instanceof SessionRefused) {
      this.#enter({ kind: "refused", uri: error.uri, reason: error.message });
      return;
    }
    const delay = delayBeforeAttempt(this.#failures, Math.random());
    this.#failures += 1;
    this.#timer = setTimeout(() => void this.#attempt(), delay);
    this.#enter({ kind: "waiting", retryAtMs: Date.now() + delay, reason: error.message });
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}
