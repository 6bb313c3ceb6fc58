import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { ConnectionLost, RequestError } from "../../src/sdk/errors.ts";
import { Follower, type FollowEnd, type FollowOptions } from "../../src/sdk/follow.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { eventually, batchDict, ScriptedCaller } from "../support.ts";

const followers: Follower[] = [];
afterEach(() => followers.splice(0).forEach((follower) => follower.stop()));

/** Follows one source, and so by the call; `topicfeed.test.ts` has what is different on the topic. */
function follow(caller: ScriptedCaller, start: FollowOptions = {}) {
  const heard: string[] = [];
  const ends: FollowEnd[] = [];
  const follower = new Follower(
    caller,
    "job-1",
    {
      records: (records) => heard.push(...records.map((record) => `${record.seq}:${record.text}`)),
      lagged: ({ from, to }) => heard.push(`lagged ${from}-${to}`),
      reset: ({ epoch, oldest }) => heard.push(`reset ${epoch} ${oldest}`),
      ended: (end) => ends.push(end),
    },
    { ...start, sources: ["stdout"] },
  );
  followers.push(follower);
  return { follower, heard, ends };
}

function about(start: Dict): Dict {
  return { stream: "job-1", ...start, sources: ["stdout"], heartbeat_s: 30 };
}

test("history and live records come once, in order, and the seal ends it", async () => {
  const caller = new ScriptedCaller();
  const { heard, ends } = follow(caller, { tail: 2 });
  assert.deepEqual(caller.last.kwargs, about({ tail: 2 }));
  caller.last.send(batchDict(5, ["a", "b"]));
  caller.last.send({ head: 7 });
  caller.last.send(batchDict(7, ["c"]));
  caller.last.finish({ sealed: { exit_code: 3, reason: null, next: 8 } });
  await eventually(() => ends.length > 0);
  assert.deepEqual(heard, ["5:a", "6:b", "7:c"]);
  assert.deepEqual(ends, [{ kind: "sealed", sealed: { exitCode: 3, reason: null, next: 8 } }]);
});

test("a new session resumes behind the last record seen", async () => {
  const caller = new ScriptedCaller();
  const { heard } = follow(caller, { tail: 100 });
  caller.last.send(batchDict(0, ["a", "b"]));
  caller.isLive = false;
  caller.last.fail(new ConnectionLost("gone"));
  await Promise.resolve();
  caller.comeBack();
  assert.deepEqual(caller.last.kwargs, about({ start: 2, epoch: 1 }));
  caller.last.send(batchDict(2, ["c"]));
  assert.deepEqual(heard, ["0:a", "1:b", "2:c"]);
});

test("what was seen already is cut off, and what an old call still says is not heard", () => {
  const caller = new ScriptedCaller();
  const { heard } = follow(caller);
  const old = caller.last;
  old.send(batchDict(0, ["a", "b"]));
  caller.comeBack();
  old.send(batchDict(2, ["stale"]));
  caller.last.send(batchDict(1, ["b", "c"]));
  caller.last.send(batchDict(1, ["b", "c"]));
  assert.deepEqual(heard, ["0:a", "1:b", "2:c"]);
});

test("a hole makes it ask again from where it stands", async () => {
  const caller = new ScriptedCaller();
  const { heard, ends } = follow(caller);
  caller.last.send(batchDict(0, ["a"]));
  const holed = caller.last;
  holed.send(batchDict(5, ["f"]));
  assert.ok(holed.isCancelled);
  await eventually(() => caller.asked.length === 2);
  assert.deepEqual(caller.last.kwargs, about({ start: 1, epoch: 1 }));
  caller.last.send(batchDict(1, ["b"]));
  assert.deepEqual(heard, ["0:a", "1:b"]);
  assert.deepEqual(ends, []);
});

test("lagged and reset are told, and it goes on behind them", () => {
  const caller = new ScriptedCaller();
  const { heard, follower } = follow(caller);
  caller.last.send(batchDict(0, ["a"]));
  caller.last.send({ lagged: { from: 1, to: 9 } });
  caller.last.send(batchDict(9, ["j"]));
  caller.last.send({ reset: { epoch: 2, oldest: 0, next: 0 } });
  caller.last.send(batchDict(0, ["new"], 2));
  assert.deepEqual(heard, ["0:a", "lagged 1-9", "9:j", "reset 2 0", "0:new"]);
  assert.deepEqual(follower.position, { epoch: 2, next: 1 });
});

test("losing the right while following is a revocation, not having it a denial", async () => {
  const refusal = new RequestError("wamp.error.not_authorized", "may not read");
  const caller = new ScriptedCaller();
  const denied = follow(caller);
  caller.last.fail(refusal);
  const revoked = follow(caller);
  caller.last.send(batchDict(0, ["a"]));
  caller.last.fail(refusal);
  await eventually(() => denied.ends.length + revoked.ends.length === 2);
  assert.deepEqual(denied.ends, [{ kind: "denied", reason: "may not read" }]);
  assert.deepEqual(revoked.ends, [{ kind: "revoked", reason: "may not read" }]);
  caller.comeBack();
  assert.equal(caller.asked.length, 2, "nothing is asked for any more");
});

test("the last event of a revoked subscription ends it too", () => {
  const caller = new ScriptedCaller();
  const { ends } = follow(caller);
  caller.last.send({ revoked: { reason: "fairlead.revoked.permission" } });
  assert.deepEqual(ends, [{ kind: "revoked", reason: "fairlead.revoked.permission" }]);
});

test("a position ahead of the head starts over in the other copy of the log", async () => {
  const caller = new ScriptedCaller();
  const { heard } = follow(caller, { from: { epoch: 1, next: 50 } });
  const details = { head: 3, epoch: 1 };
  caller.last.fail(new RequestError("fairlead.error.ahead", "ahead", details));
  await eventually(() => caller.asked.length === 2);
  assert.deepEqual(caller.last.kwargs, about({ start: 0, epoch: 1 }));
  assert.deepEqual(heard, ["reset 1 0"]);
});

test("a seal that comes before all records is not believed", async () => {
  const caller = new ScriptedCaller();
  const { ends } = follow(caller);
  caller.last.send(batchDict(0, ["a"]));
  caller.last.finish({ sealed: { exit_code: 0, reason: null, next: 9 } });
  await eventually(() => caller.asked.length === 2);
  assert.deepEqual(ends, []);
});

test("an error that does not pass is told in the server's words", async () => {
  const caller = new ScriptedCaller();
  const { ends } = follow(caller);
  caller.last.fail(new RequestError("fairlead.error.no_such_stream", "there is no stream 'job-1'"));
  await eventually(() => ends.length > 0);
  assert.deepEqual(ends, [{ kind: "failed", reason: "there is no stream 'job-1'" }]);
});

test("after stop no handler is called", () => {
  const caller = new ScriptedCaller();
  const { follower, heard } = follow(caller);
  const call = caller.last;
  follower.stop();
  assert.ok(call.isCancelled);
  call.send(batchDict(0, ["a"]));
  caller.comeBack();
  assert.deepEqual(heard, []);
  assert.equal(caller.asked.length, 1);
});

test("where all is left out, the position follows the head", () => {
  const caller = new ScriptedCaller();
  const { follower, heard } = follow(caller, { tail: 5 });
  caller.last.send({ first: 4, records: [], seqs: [], next: 9, epoch: 1 });
  caller.last.send({ head: 20 });
  assert.deepEqual(follower.position, { epoch: 1, next: 20 });
  assert.deepEqual(heard, []);
});

test("a log that is deleted while it is followed is not a log that never was", async () => {
  const caller = new ScriptedCaller();
  const { ends } = follow(caller);
  caller.last.send(batchDict(0, ["a"]));
  caller.last.fail(new RequestError("fairlead.error.no_such_stream", "there is no stream 'job-1'"));
  await eventually(() => ends.length > 0);
  assert.deepEqual(ends, [{ kind: "deleted" }]);
});
