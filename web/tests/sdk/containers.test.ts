import assert from "node:assert/strict";
import { test } from "node:test";

import {
  cancelContainer,
  createContainer,
  parseContainer,
  requestContainer,
  setContainerPriority,
} from "../../src/sdk/containers.ts";
import { parseEntry } from "../../src/sdk/records.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { recordDict, ScriptedCaller } from "../support.ts";

test("a container is read, and what it does not have is null", () => {
  const state = { state: "Queued", priority: 3, command: ["sh", "-c", "true"], locked_by: null };
  const container = parseContainer(parseEntry(recordDict("c-1", { state })));
  assert.equal(container.state, "Queued");
  assert.deepEqual(container.command, ["sh", "-c", "true"]);
  assert.deepEqual(
    [container.dispatcher, container.exitCode, container.log, container.isCancelled],
    [null, null, null, false],
  );
  const held = {
    ...state,
    state: "Running",
    locked_by: { dispatcher: "d-1", authid: "alice" },
    progress: 0.5,
    cancel: { by: "bob", at_us: 1 },
    attempt: 2,
  };
  const running = parseContainer(parseEntry(recordDict("c-1", { state: held })));
  assert.deepEqual([running.dispatcher, running.progress, running.attempt], ["d-1", 0.5, 2]);
  assert.ok(running.isCancelled);
});

test("procedures are called by name with what is given", async () => {
  const caller = new ScriptedCaller();
  const asked: [string, Dict][] = [];
  caller.answer = (procedure, kwargs) => {
    asked.push([procedure, kwargs]);
    return { id: "c-1", request: "r-1", container: "c-1" };
  };
  assert.equal(await createContainer(caller, ["true"], { priority: 2 }), "c-1");
  const requested = await requestContainer(caller, ["true"], { attempts: 3 });
  assert.deepEqual(requested, { request: "r-1", container: "c-1" });
  await cancelContainer(caller, "c-1");
  await cancelContainer(caller, "c-1", "too slow");
  await setContainerPriority(caller, "c-1", 0);
  assert.deepEqual(asked, [
    ["fairlead.container.create", { command: ["true"], priority: 2 }],
    ["fairlead.container.request", { command: ["true"], attempts: 3 }],
    ["fairlead.container.cancel", { id: "c-1" }],
    ["fairlead.container.cancel", { id: "c-1", reason: "too slow" }],
    ["fairlead.container.set_priority", { id: "c-1", priority: 0 }],
  ]);
});
