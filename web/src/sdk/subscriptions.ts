/**
 * The subscriptions of one session: several listeners of a topic share one.
 *
 * Sharing is not thrift only. A second SUBSCRIBE gets the same subscription from the router, and
 * then the end of the one would silence the other. What else is peculiar to wampy 8.0.2:
 * - it forgets the options of a subscription when that is unsubscribed, so its UNSUBSCRIBED handler
 *   throws for a pattern: a prefix stays subscribed for as long as the session;
 * - one that the router has ended it still holds, so that too is unsubscribed.
 */

import type { Wampy } from "wampy";

export type Match = "exact" | "prefix";

export interface Subscription {
  /** Settles when it stands; rejects where the router refuses it. */
  readonly ready: Promise<void>;
  /** Nothing is heard any more. */
  end(): void;
}

type Listener = (args: unknown[]) => void;

interface Topic {
  readonly listeners: Set<Listener>;
  readonly match: Match;
  readonly ready: Promise<void>;
  id: number;
}

export class Subscriptions {
  readonly #wampy: Pick<Wampy, "subscribe" | "unsubscribe">;
  readonly #topics = new Map<string, Topic>();

  constructor(wampy: Pick<Wampy, "subscribe" | "unsubscribe">) {
    this.#wampy = wampy;
  }

  /** Calls `onEvent` with the arguments of each event from now on. */
  listen(topic: string, match: Match, onEvent: Listener): Subscription {
    const held = this.#topics.get(topic) ?? this.#subscribe(topic, match);
    // One of its own, so that the same function may listen twice.
    const listener: Listener = (args) => onEvent(args);
    held.listeners.add(listener);
    const end = (): void => {
      if (!held.listeners.delete(listener)) return;
      void held.ready.then(
        () => this.#release(topic, held),
        () => {},
      );
    };
    return { ready: held.ready, end };
  }

  #subscribe(topic: string, match: Match): Topic {
    const listeners = new Set<Listener>();
    const subscribed = this.#wampy.subscribe(
      topic,
      ({ argsList }) => {
        for (const listener of [...listeners]) listener(argsList ?? []);
      },
      match === "exact" ? undefined : { match },
    );
    const ready = subscribed.then(
      ({ subscriptionId }) => {
        held.id = subscriptionId;
      },
      (error: unknown) => {
        this.#topics.delete(topic);
        throw error;
      },
    );
    const held: Topic = { listeners, match, ready, id: 0 };
    this.#topics.set(topic, held);
    return held;
  }

  #release(topic: string, held: Topic): void {
    const isWanted = held.listeners.size > 0 || held.match === "prefix";
    if (isWanted || this.#topics.get(topic) !== held) return;
    this.#topics.delete(topic);
    // A session that is gone has no subscriptions either.
    this.#wampy.unsubscribe(held.id).catch(() => {});
  }
}
