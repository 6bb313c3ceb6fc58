import assert from "node:assert/strict";
import { test } from "node:test";

import { fragmentOf, parseFragment } from "../../src/page/address.ts";

test("a link names user, token and log", () => {
  const address = parseFragment("#user=alice&token=v2/7/s3cret&log=job-17");
  assert.deepEqual(address, { user: "alice", token: "v2/7/s3cret", log: "job-17" });
});

test("a plus sign is itself, and escapes are read", () => {
  assert.equal(parseFragment("#log=a+b").log, "a+b");
  assert.equal(parseFragment("#user=a%40b").user, "a@b");
});

test("what is empty or missing is missing", () => {
  assert.deepEqual(parseFragment(""), { user: null, token: null, log: null });
  assert.deepEqual(parseFragment("#user=&log="), { user: null, token: null, log: null });
});

test("the fragment of a log leads back to it and holds no token", () => {
  assert.equal(parseFragment(fragmentOf("a+b@c")).log, "a+b@c");
  assert.equal(fragmentOf(null), "");
});
