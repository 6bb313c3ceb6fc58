import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { RequestError } from "../../src/sdk/errors.ts";
import { Follower, type FollowEnd, type FollowOptions } from "../../src/sdk/follow.ts";
import { SILENCE_MS } from "../../src/sdk/topicfeed.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { batchDict, eventually, ScriptedCaller } from "../support.ts";

const followers: Follower[] = [];
afterEach(() => followers.splice(0).forEach((follower) => follower.stop()));

/** A log of lines that the test lengthens; `read` answers from it, two records at once. */
class Log {
  readonly caller = new ScriptedCaller();
  readonly heard: string[] = [];
  readonly ends: FollowEnd[] = [];
  readonly reads: Dict[] = [];
  readonly lines: string[] = [];
  sealed: Dict | null = null;

  constructor(...lines: string[]) {
    this.lines.push(...lines);
    this.caller.answer = (_, kwargs) => this.#read(kwargs);
  }

  follow(options: FollowOptions = {}): Follower {
    const follower = new Follower(
      this.caller,
      "job-1",
      {
        records: (records) => this.heard.push(...records.map(({ text }) => String(text))),
        lagged: ({ from, to }) => this.heard.push(`lagged ${from}-${to}`),
        reset: () => this.heard.push("reset"),
        ended: (end) => this.ends.push(end),
      },
      options,
    );
    followers.push(follower);
    return follower;
  }

  /** Adds a line; with `isHeard` the topic has it as an event. */
  append(line: string, isHeard = true): void {
    this.lines.push(line);
    if (isHeard) this.caller.topic.send(batchDict(this.lines.length - 1, [line]));
  }

  #read(kwargs: Dict): Dict {
    this.reads.push(kwargs);
    const head = this.lines.length;
    const tail = kwargs["tail"] as number | undefined;
    const first = (kwargs["start"] as number | undefined) ?? (tail === undefined ? 0 : head - tail);
    const page = batchDict(first, this.lines.slice(first, first + 2));
    return { ...page, head, oldest: 0, sealed: this.sealed };
  }
}

test("it subscribes first, reads the history page by page, and goes on with the events", async () => {
  const log = new Log("a", "b", "c", "d", "e");
  log.follow({ tail: 5 });
  assert.equal(log.caller.topic.topic, "fairlead.stream.job-1");
  assert.deepEqual(log.reads, [], "before the subscription stands an event could be missed");
  log.caller.topic.stand();
  await eventually(() => log.heard.length === 5);
  log.append("f");
  assert.deepEqual(log.heard, ["a", "b", "c", "d", "e", "f"]);
  assert.deepEqual(
    log.reads.map(({ tail, start }) => tail ?? start),
    [5, 2, 4],
  );
});

test("what is heard while pages are read comes once, behind them", async () => {
  const log = new Log("a", "b", "c");
  log.follow();
  log.append("d");
  log.caller.topic.stand();
  log.append("e");
  await eventually(() => log.heard.length >= 5);
  log.append("f");
  assert.deepEqual(log.heard, ["a", "b", "c", "d", "e", "f"]);
});

test("more events than may wait are read instead", async () => {
  const log = new Log("0");
  log.follow();
  for (let n = 1; n <= 300; n += 1) log.append(String(n));
  log.caller.topic.stand();
  await eventually(() => log.heard.length >= 301);
  assert.deepEqual(
    log.heard,
    Array.from({ length: 301 }, (_, n) => String(n)),
  );
  assert.ok(log.reads.length < 150, "the latest 100 are not read again");
});

test("a hole among the events is filled", async () => {
  const log = new Log("a");
  log.follow();
  log.caller.topic.stand();
  await eventually(() => log.heard.length === 1);
  log.append("b", false);
  log.append("c");
  await eventually(() => log.heard.length === 3);
  log.append("d");
  assert.deepEqual(log.heard, ["a", "b", "c", "d"]);
  assert.equal(log.caller.subscriptions.length, 1, "the subscription stays");
});

test("a page of a sealed log ends it only when all of it has come", async () => {
  const log = new Log("a", "b", "c");
  log.sealed = { exit_code: 2, reason: null, next: 3 };
  log.follow();
  log.caller.topic.stand();
  await eventually(() => log.ends.length > 0);
  assert.deepEqual(log.heard, ["a", "b", "c"]);
  assert.equal(log.ends[0]?.kind, "sealed");
  assert.ok(log.caller.topic.isOver);
});

test("a revocation ends it at once, though pages are still to come", async () => {
  const log = new Log("a", "b", "c");
  log.follow();
  log.caller.topic.stand();
  log.caller.topic.send({ revoked: { reason: "fairlead.revoked.permission" } });
  assert.equal(log.ends[0]?.kind, "revoked");
  await new Promise(setImmediate);
  assert.deepEqual(log.heard, [], "what a page brings afterwards is not shown");
});

test("a deletion is told", () => {
  const log = new Log("a");
  log.follow();
  log.caller.topic.send({ deleted: { epoch: 1, next: 1 } });
  assert.deepEqual(log.ends, [{ kind: "deleted" }]);
});

test("who may not subscribe is denied", async () => {
  const log = new Log("a");
  log.follow();
  log.caller.topic.refuse(new RequestError("wamp.error.not_authorized", "may not read"));
  await eventually(() => log.ends.length > 0);
  assert.deepEqual(log.ends, [{ kind: "denied", reason: "may not read" }]);
});

test("a new session subscribes anew and resumes behind the last record", async () => {
  const log = new Log("a", "b");
  log.follow();
  log.caller.topic.stand();
  await eventually(() => log.heard.length === 2);
  const old = log.caller.topic;
  log.append("c", false);
  log.caller.comeBack();
  assert.ok(old.isOver);
  log.caller.topic.stand();
  await eventually(() => log.heard.length === 3);
  assert.equal(log.reads.at(-1)?.["start"], 2);
});

test("a long silence is broken by a page, which brings what was missed", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    const log = new Log("a");
    log.follow();
    log.caller.topic.stand();
    while (log.heard.length < 1) await new Promise(setImmediate);
    log.append("missed", false);
    mock.timers.tick(2 * SILENCE_MS);
    while (log.heard.length < 2) await new Promise(setImmediate);
    assert.deepEqual(log.heard, ["a", "missed"]);
  } finally {
    mock.timers.reset();
  }
});
