import assert from "node:assert/strict";
import { test } from "node:test";

import { Directory } from "../../src/sdk/directory.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { eventually, ScriptedCaller } from "../support.ts";

function entry(stream: string, more: Dict = {}): Dict {
  return { stream, object: stream, next: 0, oldest: 0, sealed: null, ...more };
}

function listing(...pages: Dict[][]) {
  const caller = new ScriptedCaller();
  const asked: Dict[] = [];
  let changes = 0;
  caller.answer = (_, kwargs) => {
    asked.push(kwargs);
    const page = Number(kwargs["after"] ?? 0);
    const isLast = page + 1 >= pages.length;
    return { streams: pages[page] ?? [], after: isLast ? null : String(page + 1) };
  };
  const directory = new Directory(caller, {
    changed: () => (changes += 1),
    failed: (error) => assert.fail(String(error)),
  });
  const names = (): string[] => [...directory.streams.keys()].sort();
  return { caller, asked, directory, names, count: () => changes };
}

test("it subscribes to the prefix first, and lists all pages then", async () => {
  const { caller, asked, directory, names } = listing([entry("a")], [entry("b")]);
  assert.equal(caller.topic.match, "prefix");
  assert.ok("fairlead.directory.a".startsWith(caller.topic.topic));
  assert.deepEqual(asked, []);
  caller.topic.stand();
  await eventually(() => directory.isListed);
  assert.deepEqual(names(), ["a", "b"]);
  assert.ok(directory.isComplete);
});

test("events change it: created, sealed, stale and deleted", async () => {
  const { caller, directory, names } = listing([entry("a"), entry("b")]);
  caller.topic.stand();
  await eventually(() => directory.isListed);
  caller.topic.send({ ...entry("c"), change: "created" });
  caller.topic.send({ ...entry("a", { sealed: { exit_code: 3, next: 0 } }), change: "sealed" });
  caller.topic.send({ ...entry("c", { stale: { since_us: 7 } }), change: "stale" });
  caller.topic.send({ ...entry("b"), change: "deleted" });
  assert.deepEqual(names(), ["a", "c"]);
  assert.equal(directory.streams.get("a")?.sealed?.exitCode, 3);
  assert.equal(directory.streams.get("c")?.staleSinceUs, 7);
});

test("what is heard of while it is listed stays, what is not listed any more goes", async () => {
  const { caller, asked, directory, names } = listing([entry("a")]);
  caller.topic.stand();
  await eventually(() => directory.isListed);
  caller.topic.send({ ...entry("gone"), change: "created" });
  caller.answer = (_, kwargs) => {
    asked.push(kwargs);
    caller.topic.send({ ...entry("new"), change: "created" });
    return { streams: [entry("a")], after: null };
  };
  await directory.refresh();
  assert.deepEqual(names(), ["a", "new"]);
});

test("a new session subscribes and lists again", async () => {
  const { caller, asked, directory } = listing([entry("a")]);
  caller.topic.stand();
  await eventually(() => directory.isListed);
  caller.comeBack();
  caller.topic.stand();
  await eventually(() => asked.length === 2);
  assert.equal(caller.subscriptions.length, 2);
});

test("after stop nothing is told", async () => {
  const { caller, directory, count } = listing([entry("a")]);
  directory.stop();
  caller.topic.stand();
  caller.topic.send({ ...entry("b"), change: "created" });
  await new Promise(setImmediate);
  assert.ok(caller.topic.isOver);
  assert.equal(count(), 0);
});

test("where the events are refused it is listed all the same", async () => {
  const { caller, directory, names } = listing([entry("a")]);
  caller.topic.refuse(new Error("not here"));
  await eventually(() => directory.isListed);
  assert.deepEqual(names(), ["a"]);
});
