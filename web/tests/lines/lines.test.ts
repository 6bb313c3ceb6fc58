import assert from "node:assert/strict";
import { test } from "node:test";

import { CHUNK_LINES, LogBook } from "../../src/lines/book.ts";
import { markerText } from "../../src/lines/marker.ts";
import { TerminalLine } from "../../src/lines/terminal.ts";
import { FLAG_MARKER, FLAG_PARTIAL } from "../../src/sdk/wire.ts";
import { record } from "../support.ts";

function shown(...parts: (string | Uint8Array)[]): string {
  const line = new TerminalLine();
  for (const part of parts) line.write(part);
  line.finish();
  return line.text;
}

function texts(book: LogBook): string[] {
  return book.chunks.flatMap((chunk) => chunk.lines.map((line) => line.text));
}

test("a progress bar shows its latest state, and keeps the others", () => {
  const book = new LogBook();
  book.append([record(0, " 10%\r 55%\r100% done")]);
  const line = book.chunks[0]?.lines[0];
  assert.equal(line?.text, "100% done");
  assert.equal(line?.rewrites, 2);
  assert.equal(line?.unfolded(), " 10%\n 55%\n100% done");
});

test("a shorter state leaves the rest of a longer one, unless it erases it", () => {
  assert.equal(shown("downloading\rdone"), "doneloading");
  assert.equal(shown("downloading\r\x1b[Kdone"), "done");
  assert.equal(shown("downloading\r\x1b[2Kdone"), "done");
  assert.equal(shown("ab\b\bxy"), "xy");
});

test("a carriage return at the end of a line hides nothing", () => {
  const line = new TerminalLine();
  line.write("from Windows\r");
  assert.equal(line.text, "from Windows");
  assert.equal(line.rewrites, 0);
});

test("colours are left out, control characters are shown as escapes", () => {
  assert.equal(shown("\x1b[1;31mred\x1b[0m and \x1b]0;title\x07plain"), "red and plain");
  assert.equal(shown("bell\x07 nul\x00 tab\t."), "bell\\x07 nul\\x00 tab\t.");
  assert.equal(shown("\x7f"), "\\x7f");
});

test("an escape sequence cut between two parts is put together", () => {
  assert.equal(shown("a\x1b[3", "1mb"), "ab");
});

test("bytes that are not UTF-8 become replacement characters", () => {
  assert.equal(shown(new Uint8Array([0x61, 0xff, 0x62, 0x00])), "a\ufffdb\\x00");
});

test("a character cut between two parts is put together", () => {
  assert.equal(shown(new Uint8Array([0x61, 0xc3]), new Uint8Array([0xbc, 0x62])), "aüb");
  assert.equal(shown(new Uint8Array([0xc3]), "text"), "\ufffdtext");
});

test("partial records become one line, though another source prints between them", () => {
  const book = new LogBook();
  book.append([
    record(0, "one ", "stdout", FLAG_PARTIAL),
    record(1, "warning", "stderr"),
    record(2, "line", "stdout"),
    record(3, "next", "stdout"),
  ]);
  assert.deepEqual(texts(book), ["one line", "warning", "next"]);
});

test("earlier records come in front, and a line cut there is joined", () => {
  const book = new LogBook();
  book.append([record(10, "err", "stderr"), record(11, "rest"), record(12, "after")]);
  book.prepend([record(8, "before"), record(9, "begin ", "stdout", FLAG_PARTIAL)]);
  assert.deepEqual(texts(book), ["before", "begin rest", "err", "after"]);
  assert.equal(book.firstSeq, 8);
  assert.equal(book.lineCount, 4);
});

test("a line that goes on from the earlier records into live ones grows where it began", () => {
  const book = new LogBook();
  book.append([record(1, "b", "stdout", FLAG_PARTIAL)]);
  book.prepend([record(0, "a", "stdout", FLAG_PARTIAL)]);
  book.append([record(2, "c")]);
  assert.deepEqual(texts(book), ["abc"]);
});

test("nothing goes on over a place where records are missing", () => {
  const book = new LogBook();
  book.append([record(0, "cut", "stdout", FLAG_PARTIAL)]);
  book.interrupt("3 lines are missing");
  book.append([record(4, "other")]);
  assert.deepEqual(texts(book), ["cut", "3 lines are missing", "other"]);
});

test("nothing is joined over a damaged place in front", () => {
  const book = new LogBook();
  book.append([record(9, "after")]);
  book.prependMissing("4 lines are damaged", 5);
  book.prepend([record(4, "before", "stdout", FLAG_PARTIAL)]);
  assert.deepEqual(texts(book), ["before", "4 lines are damaged", "after"]);
  assert.equal(book.firstSeq, 4);
});

test("only so many lines are held, the latest ones", () => {
  const book = new LogBook();
  const count = 10 * CHUNK_LINES;
  book.append(Array.from({ length: count }, (_, seq) => record(seq, String(seq))));
  book.trim({ lines: 3 * CHUNK_LINES, characters: Infinity });
  assert.equal(book.lineCount, 3 * CHUNK_LINES);
  assert.equal(book.firstSeq, 7 * CHUNK_LINES);
  book.prepend([record(7 * CHUNK_LINES - 1, "again")]);
  assert.equal(texts(book)[0], "again");
});

test("few lines are held where they are long", () => {
  const book = new LogBook();
  const texts1000 = Array.from({ length: 10 * CHUNK_LINES }, (_, seq) =>
    record(seq, "x".repeat(1_000)),
  );
  book.append(texts1000);
  const limit = { lines: Infinity, characters: 250_000 };
  assert.ok(book.exceeds(limit));
  book.trim(limit);
  assert.equal(book.lineCount, 2 * CHUNK_LINES);
  assert.ok(!book.exceeds(limit));
});

test("what is held is counted right when lines are joined, whichever end they come from", () => {
  const book = new LogBook();
  book.append([record(5, "56789"), record(6, "ab", "stdout", FLAG_PARTIAL)]);
  book.append([record(7, "cd")]);
  book.prepend([record(3, "0"), record(4, "1234", "stdout", FLAG_PARTIAL)]);
  assert.deepEqual(texts(book), ["0", "123456789", "abcd"]);
  assert.ok(book.exceeds({ lines: 9, characters: 13 }));
  assert.ok(!book.exceeds({ lines: 9, characters: 14 }));
});

test("a record is found in the line that it has become a part of", () => {
  const book = new LogBook();
  book.append([record(0, "a", "stdout", FLAG_PARTIAL), record(1, "x", "stderr"), record(2, "b")]);
  assert.equal(book.lineOf(record(2, ""))?.text, "ab");
  assert.equal(book.lineOf(record(1, "", "stderr"))?.text, "x");
  assert.equal(book.lineOf(record(3, "")), null);
});

test("a page without a record that is wanted counts as held", () => {
  const book = new LogBook();
  book.append([], 50);
  assert.equal(book.firstSeq, 50);
  book.prepend([], 20);
  assert.equal(book.firstSeq, 20);
  assert.equal(book.lineCount, 0);
});

test("a line let go while it went on is not joined to a later one", () => {
  const book = new LogBook();
  const filler = Array.from({ length: 2 * CHUNK_LINES }, (_, i) => record(i + 1, "x", "stderr"));
  const end = 2 * CHUNK_LINES + 1;
  book.append([
    record(0, "old ", "stdout", FLAG_PARTIAL),
    ...filler,
    record(end, "end"),
    record(end + 1, "new"),
  ]);
  book.trim({ lines: CHUNK_LINES, characters: Infinity });
  const from = book.firstSeq ?? 0;
  book.prepend([record(0, "old ", "stdout", FLAG_PARTIAL), ...filler.slice(0, from - 1)]);
  assert.equal(texts(book)[0], "old ");
  assert.equal(texts(book).at(-1), "new");
});

test("100 000 records are put together in well under a second", () => {
  const book = new LogBook();
  const began = performance.now();
  for (let first = 0; first < 100_000; first += 1_000) {
    book.append(
      Array.from({ length: 1_000 }, (_, i) => record(first + i, `line ${first + i} `.repeat(5))),
    );
  }
  assert.equal(book.lineCount, 100_000);
  assert.ok(performance.now() - began < 1_000);
});

test("a marker is a sentence", () => {
  assert.equal(markerText('{"lost": 3, "producer": "p"}'), "3 lines were lost here");
  assert.equal(markerText('{"attempt": 2}'), "attempt 2 begins here");
  assert.equal(markerText('{"truncated": "64 MiB"}'), "the log was cut here: 64 MiB");
  assert.equal(
    markerText(
      '{"truncated":{"records":1200,"bytes":84000,"reason":"producer_rate"},"producer":"file"}',
    ),
    "1\u202f200 lines (84 kB) were left out here: its producer wrote faster than it may",
  );
  assert.equal(
    markerText('{"truncated":{"records":1,"bytes":9,"reason":"new_reason"}}'),
    "1 line (9 B) was left out here: new_reason",
  );
  assert.equal(markerText("not JSON"), "not JSON");
  const book = new LogBook();
  book.append([record(0, '{"attempt":2}', "fairlead", FLAG_MARKER)]);
  assert.equal(book.chunks[0]?.lines[0]?.kind, "notice");
});
