import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { delayBeforeAttempt, FIRST_DELAY_MS, LAST_DELAY_MS } from "../../src/sdk/backoff.ts";
import { listLogs, readRange } from "../../src/sdk/logs.ts";
import { decodeText } from "../../src/sdk/text.ts";
import { parseNews, Unreadable } from "../../src/sdk/wire.ts";
import { batchDict, ScriptedCaller } from "../support.ts";

test("binary text is bytes, every other string stays as it is", () => {
  assert.equal(decodeText("plain"), "plain");
  assert.equal(decodeText(""), "");
  assert.equal(decodeText("a\u0000b"), "a\u0000b");
  assert.deepEqual(decodeText("\u0000"), new Uint8Array());
  assert.deepEqual(decodeText("\u0000//79"), new Uint8Array([0xff, 0xfe, 0xfd]));
  assert.equal(decodeText("\u0000not base64!"), "\u0000not base64!");
});

test("binary is read as the routers of the shared vectors write it", () => {
  const path = new URL("../../../tests/vectors/transcode.json", import.meta.url);
  const vectors = JSON.parse(readFileSync(path, "utf8")) as {
    same: { name: string; json: string }[];
  };
  const texts = vectors.same.find(({ name }) => name === "binary");
  const decoded = (JSON.parse(texts?.json ?? "[]") as string[]).map(decodeText);
  assert.deepEqual(decoded, [
    new Uint8Array(),
    new Uint8Array([0x68, 0x69]),
    new Uint8Array([255, 254, 253]),
  ]);
});

test("a batch is read with its numbers, a filtered one with those that are listed", () => {
  const { batch } = parseNews(batchDict(7, ["a", "b"]));
  assert.deepEqual(
    batch?.records.map((record) => [record.seq, record.text]),
    [
      [7, "a"],
      [8, "b"],
    ],
  );
  const filtered = parseNews({ ...batchDict(7, ["a", "b"]), seqs: [8, 11], next: 12 }).batch;
  assert.deepEqual(
    filtered?.records.map((record) => record.seq),
    [8, 11],
  );
});

test("one dict may say several things, and unknown keys are ignored", () => {
  const news = parseNews({
    ...batchDict(3, ["x"]),
    lagged: { from: 0, to: 3 },
    sealed: { exit_code: 0, reason: null, next: 4, more: 1 },
    head: 4,
    oldest: 3,
    weather: "fine",
  });
  assert.deepEqual(news.lagged, { from: 0, to: 3, isDamage: false });
  assert.deepEqual(news.sealed, { exitCode: 0, reason: null, next: 4 });
  assert.equal(news.head, 4);
  assert.equal(news.oldest, 3);
  assert.equal(parseNews({ sealed: null }).sealed, undefined);
});

test("a known key of a wrong shape is refused", () => {
  assert.throws(
    () => parseNews({ records: [[1, "stdout", 5, 0]], first: 0, next: 1, epoch: 1 }),
    Unreadable,
  );
  assert.throws(() => parseNews({ records: {}, first: 0, next: 1, epoch: 1 }), Unreadable);
  assert.throws(() => parseNews({ head: "7" }), Unreadable);
});

test("the list is read page by page", async () => {
  const caller = new ScriptedCaller();
  caller.answer = () => ({
    streams: [
      {
        stream: "a",
        object: "o",
        next: 4,
        oldest: 0,
        sealed: { exit_code: 1, reason: null, next: 4 },
      },
      { stream: "b", next: 0, oldest: 0, sealed: null },
    ],
    after: "b",
  });
  const page = await listLogs(caller);
  assert.equal(page.after, "b");
  assert.equal(page.streams[0]?.sealed?.exitCode, 1);
  assert.equal(page.streams[1]?.object, "b");
});

test("a range is read to its end in several answers, and not beyond", async () => {
  const caller = new ScriptedCaller();
  const asked: unknown[] = [];
  caller.answer = (_, kwargs) => {
    asked.push(kwargs["start"]);
    const start = Math.max(Number(kwargs["start"]), 2);
    const lagged = Number(kwargs["start"]) < 2 ? { lagged: { from: 0, to: 2 } } : {};
    return { ...batchDict(start, ["x", "y", "z"]), ...lagged, oldest: 2, head: 99 };
  };
  const range = await readRange(caller, "job-1", 1, 0, 7);
  assert.deepEqual(asked, [0, 5]);
  assert.deepEqual(
    range.records.map(({ seq }) => seq),
    [2, 3, 4, 5, 6],
  );
  assert.equal(range.oldest, 2);
});

test("of a damaged range what lies behind the damage is returned", async () => {
  const caller = new ScriptedCaller();
  caller.answer = (_, kwargs) =>
    kwargs["start"] === 0
      ? batchDict(0, ["a", "b"])
      : { ...batchDict(5, ["f"]), lagged: { from: 2, to: 5, damaged: true } };
  const range = await readRange(caller, "job-1", 1, 0, 6);
  assert.deepEqual(
    range.records.map(({ seq }) => seq),
    [5],
  );
  assert.deepEqual(range.damage, { from: 2, to: 5, isDamage: true });
  assert.equal(range.oldest, 0);
});

test("waits double up to a ceiling and differ between clients", () => {
  assert.equal(delayBeforeAttempt(0, 0), FIRST_DELAY_MS / 2);
  assert.ok(delayBeforeAttempt(3, 0.99) > delayBeforeAttempt(3, 0));
  assert.ok(delayBeforeAttempt(1_000, 1) <= LAST_DELAY_MS);
});
