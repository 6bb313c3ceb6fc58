import assert from "node:assert/strict";
import { test } from "node:test";

import {
  badgeOfContainer,
  byUrgency,
  factsOf,
  sentenceOfContainer,
} from "../../src/page/containerwords.ts";
import { parseContainer, type Container } from "../../src/sdk/containers.ts";
import { parseEntry } from "../../src/sdk/records.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { recordDict } from "../support.ts";

function container(id: string, state: Dict): Container {
  return parseContainer(parseEntry(recordDict(id, { state: { priority: 1, ...state } })));
}

test("each state has a word and a sentence", () => {
  const cases: [Dict, string, RegExp][] = [
    [{ state: "Queued" }, "queued", /waits for a dispatcher/],
    [{ state: "Queued", priority: 0 }, "held", /held/],
    [{ state: "Locked", locked_by: { dispatcher: "d" } }, "starting", /start on d/],
    [{ state: "Running", locked_by: { dispatcher: "d" } }, "running", /runs on d/],
    [{ state: "Running", priority: 0, cancel: { by: "bob" } }, "cancelling", /being cancelled/],
    [{ state: "Complete", exit_code: 3 }, "exit 3", /exit status 3/],
    [{ state: "Cancelled", reason: "too slow" }, "cancelled", /cancelled \(too slow\).*no log/],
    [{ state: "Cancelled", cancel: { by: "bob" }, log: "x" }, "cancelled", /cancelled\.$/],
  ];
  for (const [state, badge, sentence] of cases) {
    assert.equal(badgeOfContainer(container("c", state)).text, badge);
    assert.match(sentenceOfContainer(container("c", state)), sentence);
  }
});

test("the facts say how long, how far, how urgent, where and which attempt", () => {
  const held = { locked_by: { dispatcher: "d-1" }, started_us: 10_000_000 };
  const running = container("c", { state: "Running", ...held, progress: 0.255, attempt: 2 });
  assert.equal(factsOf(running, 75_000), "1 min 5 s · 25 % · priority 1 · on d-1 · attempt 2");
  assert.equal(factsOf(container("c", { state: "Queued" }), 6_000), "waits 5 s · priority 1");
  const ended = container("c", { state: "Complete", started_us: 1, finished_us: 2_000_001 });
  assert.equal(factsOf(ended, 99_000), "2 s");
});

test("what runs comes first, then what is about to, what waits by priority and age, what ended last", () => {
  const all = [
    container("ended-early", { state: "Complete", finished_us: 1 }),
    container("waits", { state: "Queued" }),
    container("ended-late", { state: "Cancelled", finished_us: 9 }),
    container("urgent", { state: "Queued", priority: 5 }),
    container("starting", { state: "Locked" }),
    container("runs", { state: "Running", started_us: 2 }),
    container("runs-newer", { state: "Running", started_us: 3 }),
    container("also-waits", { state: "Queued" }),
  ];
  assert.deepEqual(
    all.sort(byUrgency).map(({ id }) => id),
    [
      "runs-newer",
      "runs",
      "starting",
      "urgent",
      "also-waits",
      "waits",
      "ended-late",
      "ended-early",
    ],
  );
});
