import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { ConnectionLost, RequestError } from "../../src/sdk/errors.ts";
import { Watcher, type WatchEnd, type WatchQuery } from "../../src/sdk/watch.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { eventually, recordDict, ScriptedCaller } from "../support.ts";

const watchers: Watcher[] = [];
afterEach(() => watchers.splice(0).forEach((watcher) => watcher.stop()));

function watch(caller: ScriptedCaller, query: WatchQuery = { kind: "job" }) {
  const heard: string[] = [];
  const ends: WatchEnd[] = [];
  const watcher = new Watcher(caller, query, {
    changed: (changes, isWhole) => {
      for (const change of changes) {
        if (change.change === "removed") heard.push(`-${change.id}`);
        else heard.push(`${change.change === "added" ? "+" : ""}${shown(change.entry)}`);
      }
      if (isWhole) heard.push("whole");
    },
    reset: (reason) => heard.push(`reset ${reason}`),
    ended: (end) => ends.push(end),
  });
  watchers.push(watcher);
  const held = (): string[] => [...watcher.entries.values()].map(shown).sort();
  return { watcher, heard, ends, held };
}

function shown({ id, version }: { id: string; version: number }): string {
  return `${id}:${version}`;
}

function added(id: string, version: number): Dict {
  return { change: "added", ...recordDict(id, { version }) };
}

function changed(id: string, version: number): Dict {
  return { change: "changed", ...recordDict(id, { version }) };
}

function removed(id: string, more: Dict = {}): Dict {
  return { change: "removed", id, ...more };
}

async function loseAndComeBack(caller: ScriptedCaller): Promise<void> {
  caller.isLive = false;
  caller.last.fail(new ConnectionLost("gone"));
  await Promise.resolve();
  caller.comeBack();
}

test("what there is comes first, then every change, and the entries are what is told", () => {
  const caller = new ScriptedCaller();
  const { heard, held, watcher } = watch(caller);
  assert.equal(caller.last.procedure, "fairlead.record.watch");
  assert.deepEqual(caller.last.kwargs, { kind: "job", heartbeat_s: 30 });
  caller.last.send({ watch: 1, changes: [added("a", 1)] });
  assert.equal(watcher.isWhole, false);
  caller.last.send({ changes: [added("b", 4)], bookmark: "B1" });
  assert.ok(watcher.isWhole);
  caller.last.send({ changes: [changed("a", 2), removed("b", { deleted: true })], bookmark: "B2" });
  caller.last.send({ bookmark: "B3" });
  assert.deepEqual(heard, ["+a:1", "+b:4", "whole", "a:2", "-b", "whole", "whole"]);
  assert.deepEqual(held(), ["a:2"]);
});

test("a new session goes on at the last bookmark, and what is told again is not heard again", async () => {
  const caller = new ScriptedCaller();
  const { heard, held } = watch(caller);
  caller.last.send({ watch: 1, changes: [added("a", 1), added("b", 1)], bookmark: "B1" });
  caller.last.send({ changes: [changed("a", 2)] });
  await loseAndComeBack(caller);
  assert.equal(caller.last.kwargs["bookmark"], "B1");
  caller.last.send({ watch: 9, changes: [changed("a", 2), changed("b", 2)], bookmark: "B2" });
  assert.deepEqual(heard, ["+a:1", "+b:1", "whole", "a:2", "b:2", "whole"]);
  assert.deepEqual(held(), ["a:2", "b:2"]);
});

test("what came after the bookmark and is true no more goes with the next one", async () => {
  const caller = new ScriptedCaller();
  const { held } = watch(caller);
  caller.last.send({ watch: 1, changes: [added("a", 1)], bookmark: "B1" });
  caller.last.send({ changes: [added("b", 1), removed("a")] });
  await loseAndComeBack(caller);
  await loseAndComeBack(caller);
  caller.last.send({ watch: 2, changes: [] });
  assert.deepEqual(held(), ["b:1"], "nothing is known yet");
  caller.last.send({ bookmark: "B2" });
  assert.deepEqual(held(), ["a:1"]);
});

test("a reset keeps what is told again and drops the rest when all is told", async () => {
  const caller = new ScriptedCaller();
  const { heard, held } = watch(caller);
  caller.last.send({ watch: 1, changes: [added("a", 3), added("b", 1)], bookmark: "B1" });
  await loseAndComeBack(caller);
  heard.length = 0;
  caller.last.send({ watch: 2, reset: { reason: "permissions" }, changes: [added("a", 3)] });
  assert.deepEqual(held(), ["a:3", "b:1"]);
  caller.last.send({ changes: [added("c", 1)], bookmark: "B2" });
  assert.deepEqual(heard, ["reset permissions", "+c:1", "-b", "whole"]);
  assert.deepEqual(held(), ["a:3", "c:1"]);
});

test("behind a reset a record with a lower version is a new one of that id", async () => {
  const caller = new ScriptedCaller();
  const { held } = watch(caller);
  caller.last.send({ watch: 1, changes: [added("a", 7)], bookmark: "B1" });
  await loseAndComeBack(caller);
  caller.last.send({
    watch: 1,
    reset: { reason: "epoch" },
    changes: [added("a", 1)],
    bookmark: "C1",
  });
  assert.deepEqual(held(), ["a:1"]);
});

test("what an old call still says is not heard", () => {
  const caller = new ScriptedCaller();
  const { held } = watch(caller);
  const old = caller.last;
  old.send({ watch: 1, changes: [added("a", 1)], bookmark: "B1" });
  caller.comeBack();
  old.send({ changes: [added("stale", 1)] });
  assert.deepEqual(held(), ["a:1"]);
  assert.ok(old.isCancelled);
});

test("fresh settles with its own mark, and is asked again in a new session", async () => {
  const caller = new ScriptedCaller();
  const asked: Dict[] = [];
  caller.answer = (procedure, kwargs) => {
    assert.equal(procedure, "fairlead.record.mark");
    asked.push(kwargs);
    return {};
  };
  const { watcher } = watch(caller);
  let isFresh = false;
  const fresh = watcher.fresh().then(() => (isFresh = true));
  assert.deepEqual(asked, [], "the watch has no number yet");
  caller.last.send({ watch: 5, changes: [], bookmark: "B1" });
  await eventually(() => asked.length === 1);
  await loseAndComeBack(caller);
  caller.last.send({ watch: 8, changes: [], bookmark: "B2" });
  await eventually(() => asked.length === 2);
  assert.deepEqual(asked, [
    { watch: 5, token: "1" },
    { watch: 8, token: "1" },
  ]);
  caller.last.send({ mark: "another", bookmark: "B3" });
  await Promise.resolve();
  assert.equal(isFresh, false);
  caller.last.send({ mark: "1", bookmark: "B4" });
  await fresh;
});

test("fresh rejects when the watch ends", async () => {
  const { watcher } = watch(new ScriptedCaller());
  const fresh = watcher.fresh();
  watcher.stop();
  await assert.rejects(fresh, ConnectionLost);
  await assert.rejects(watcher.fresh(), ConnectionLost);
});

test("an error that passes is asked again, another one is told and ends it", async () => {
  const caller = new ScriptedCaller();
  const { ends, held } = watch(caller);
  caller.last.send({ watch: 1, changes: [added("a", 1)], bookmark: "B1" });
  caller.last.fail(new RequestError("wamp.error.no_such_procedure", "not there yet"));
  await eventually(() => caller.asked.length === 2);
  assert.equal(caller.last.kwargs["bookmark"], "B1");
  caller.last.fail(new RequestError("wamp.error.invalid_argument", "no field 'x y'"));
  await eventually(() => ends.length > 0);
  assert.deepEqual(ends, [{ kind: "failed", reason: "no field 'x y'" }]);
  assert.deepEqual(held(), ["a:1"]);
  caller.comeBack();
  assert.equal(caller.asked.length, 2, "nothing is asked for any more");
});

test("what passes by itself is waited for as long as it takes", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const caller = new ScriptedCaller();
  const { ends } = watch(caller);
  for (let asked = 1; asked < 20; asked += 1) {
    assert.equal(caller.asked.length, asked);
    caller.last.fail(new RequestError("fairlead.error.busy", "no room"));
    await new Promise(setImmediate);
    context.mock.timers.tick(10_000);
  }
  assert.deepEqual(ends, []);
});

test("who may not watch is told so", async () => {
  const caller = new ScriptedCaller();
  const { ends } = watch(caller);
  caller.last.fail(new RequestError("wamp.error.not_authorized", "may not call"));
  await eventually(() => ends.length > 0);
  assert.deepEqual(ends, [{ kind: "denied", reason: "may not call" }]);
});

test("a dict of a wrong shape ends it instead of being guessed at", () => {
  const caller = new ScriptedCaller();
  const { ends } = watch(caller);
  caller.last.send({ watch: 1, changes: [{ change: "moved", id: "a" }], bookmark: "B1" });
  assert.deepEqual(ends, [{ kind: "failed", reason: "the server sent a change 'moved' of 'a'" }]);
  assert.ok(caller.last.isCancelled);
});
