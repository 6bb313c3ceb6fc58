/** Helpers of the tests: records in one line, and a caller that the test answers for. */

import { setTimeout as pause } from "node:timers/promises";

import type { Caller } from "../src/sdk/connection.ts";
import type { ProgressiveCall } from "../src/sdk/session.ts";
import type { Match, Subscription } from "../src/sdk/subscriptions.ts";
import type { Text } from "../src/sdk/text.ts";
import type { Dict, LogRecord } from "../src/sdk/wire.ts";

export function record(seq: number, text: Text, source = "stdout", flags = 0): LogRecord {
  return { seq, timeUs: 1_000_000 + seq, source, text, flags };
}

/** A batch dict as the service sends it: records `first` to `first + texts.length`. */
export function batchDict(first: number, texts: readonly string[], epoch = 1): Dict {
  const records = texts.map((text, index) => [1_000_000 + first + index, "stdout", text, 0]);
  return { first, records, next: first + texts.length, epoch };
}

/** A record as the service sends it. */
export function recordDict(id: string, { version = 1, state = {} as Dict } = {}): Dict {
  const times = { created_us: 1_000_000, changed_us: 1_000_000 + version };
  return { id, kind: "job", owner: "alice", object: id, version, ...times, state };
}

/** Waits until the condition holds: the only way a test may wait. */
export async function eventually(condition: () => boolean, timeoutMs = 3_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !condition(); await pause(2)) {
    if (Date.now() > deadline) throw new Error(`still not: ${condition.toString()}`);
  }
}

/** One progressive call that the test answers. */
export class AskedCall implements ProgressiveCall {
  readonly procedure: string;
  readonly kwargs: Dict;
  readonly done: Promise<Dict>;
  isCancelled = false;
  finish!: (dict: Dict) => void;
  fail!: (error: Error) => void;
  readonly send: (dict: Dict) => void;

  constructor(procedure: string, kwargs: Dict, onDict: (dict: Dict) => void) {
    this.procedure = procedure;
    this.kwargs = kwargs;
    this.send = onDict;
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

/** A subscription whose events the test sends. */
export class AskedSubscription implements Subscription {
  readonly topic: string;
  readonly match: Match;
  readonly ready: Promise<void>;
  isOver = false;
  stand!: () => void;
  refuse!: (error: Error) => void;
  readonly send: (dict: Dict) => void;

  constructor(topic: string, match: Match, onDict: (dict: Dict) => void) {
    this.topic = topic;
    this.match = match;
    this.send = onDict;
    this.ready = new Promise((resolve, reject) => {
      this.stand = resolve;
      this.refuse = reject;
    });
  }

  end(): void {
    this.isOver = true;
  }
}

/** A connection without a network: calls wait for the test's answer. */
export class ScriptedCaller implements Caller {
  isLive = true;
  readonly asked: AskedCall[] = [];
  readonly subscriptions: AskedSubscription[] = [];
  readonly #listeners = new Set<() => void>();
  /** Answers plain calls. */
  answer: (procedure: string, kwargs: Dict) => Dict | Promise<Dict> = () => ({});

  get last(): AskedCall {
    const call = this.asked.at(-1);
    if (call === undefined) throw new Error("nothing was asked");
    return call;
  }

  onLive(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The latest subscription. */
  get topic(): AskedSubscription {
    const subscription = this.subscriptions.at(-1);
    if (subscription === undefined) throw new Error("nothing was subscribed to");
    return subscription;
  }

  comeBack(): void {
    this.isLive = true;
    for (const listener of this.#listeners) listener();
  }

  call(procedure: string, kwargs: Dict): Promise<Dict> {
    return Promise.resolve().then(() => this.answer(procedure, kwargs));
  }

  callProgressively(
    procedure: string,
    kwargs: Dict,
    onDict: (dict: Dict) => void,
  ): ProgressiveCall {
    const call = new AskedCall(procedure, kwargs, onDict);
    this.asked.push(call);
    return call;
  }

  subscribe(topic: string, match: Match, onDict: (dict: Dict) => void): AskedSubscription {
    const subscription = new AskedSubscription(topic, match, onDict);
    this.subscriptions.push(subscription);
    return subscription;
  }
}
