import assert from "node:assert/strict";
import { test } from "node:test";

import { readEarlier } from "../../src/sdk/logs.ts";
import { findNext, searchLog } from "../../src/sdk/search.ts";
import type { Dict } from "../../src/sdk/wire.ts";
import { ScriptedCaller } from "../support.ts";

const NOTHING = { first: 0, records: [], seqs: [], head: 900, oldest: 10, epoch: 1 };

function scripted(...answers: Dict[]) {
  const caller = new ScriptedCaller();
  const asked: Dict[] = [];
  caller.answer = (_, kwargs) => {
    asked.push(kwargs);
    return answers.shift() ?? assert.fail("one search too many");
  };
  return { caller, asked };
}

function found(seqs: number[], next: number): Dict {
  const records = seqs.map((seq) => [seq, "stderr", `line ${seq}`, 0]);
  return { ...NOTHING, records, seqs, next };
}

test("what is wanted is said in the service's words, and matches have their numbers", async () => {
  const { caller, asked } = scripted(found([40, 70], 900));
  const wanted = { text: "x", ignoreCase: true, sources: ["stderr"], sinceUs: 5, untilUs: 9 };
  const page = await searchLog(caller, "job-1", wanted, { limit: 7 });
  assert.deepEqual(asked, [
    {
      stream: "job-1",
      text: "x",
      ignore_case: true,
      sources: ["stderr"],
      since: 5,
      until: 9,
      limit: 7,
    },
  ]);
  assert.deepEqual(
    page.records.map(({ seq }) => seq),
    [40, 70],
  );
  assert.ok(page.isComplete);
});

test("the nearest match is looked for through pages without one", async () => {
  const { caller, asked } = scripted(found([], 600), found([55], 55));
  const options = { start: 800, epoch: 1, backwards: true };
  const match = await findNext(caller, "job-1", { text: "x" }, options, () => true);
  assert.equal(match?.record.seq, 55);
  assert.deepEqual(
    asked.map(({ start }) => start),
    [800, 600],
  );
});

test("backwards all is seen at the oldest record, forwards at the head", async () => {
  for (const [backwards, end] of [
    [true, 10],
    [false, 900],
  ] as const) {
    const { caller } = scripted(found([], 500), found([], end));
    const match = await findNext(caller, "job-1", { text: "x" }, { backwards }, () => true);
    assert.equal(match, null);
  }
});

test("a search that nobody waits for any more asks for no other page", async () => {
  const { caller, asked } = scripted(found([], 600));
  let pages = 0;
  const match = await findNext(caller, "job-1", { text: "x" }, {}, () => (pages += 1) === 1);
  assert.equal(match, null);
  assert.equal(asked.length, 1);
});

test("the earlier records of a source come in the log's order", async () => {
  const { caller, asked } = scripted(found([300, 200], 150));
  const range = await readEarlier(caller, "job-1", 1, 400, ["stderr"], 2);
  assert.deepEqual(
    range.records.map(({ seq }) => seq),
    [200, 300],
  );
  assert.equal(range.from, 150);
  assert.equal(asked[0]?.["backwards"], true);
});
