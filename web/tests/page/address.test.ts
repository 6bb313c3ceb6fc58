import assert from "node:assert/strict";
import { test } from "node:test";

import {
  fragmentOf,
  fragmentOfContainer,
  fragmentOfLog,
  parseFragment,
} from "../../src/page/address.ts";

test("a link names user, token and log", () => {
  const address = parseFragment("#user=alice&token=v2/7/s3cret&log=job-17");
  const said = { user: "alice", token: "v2/7/s3cret", view: "logs", id: "job-17" };
  assert.deepEqual(address, said);
});

test("a plus sign is itself, and escapes are read", () => {
  assert.equal(parseFragment("#log=a+b").id, "a+b");
  assert.equal(parseFragment("#user=a%40b").user, "a@b");
});

test("what is empty or missing is missing", () => {
  const nothing = { user: null, token: null, view: "logs", id: null };
  assert.deepEqual(parseFragment(""), nothing);
  assert.deepEqual(parseFragment("#user=&log="), nothing);
});

test("the fragment of a place leads back to it and holds no token", () => {
  for (const view of ["logs", "containers"] as const) {
    for (const id of ["a+b@c", null]) {
      const { view: readView, id: readId } = parseFragment(fragmentOf({ view, id }));
      assert.deepEqual([readView, readId], [view, id]);
    }
  }
  assert.equal(fragmentOf({ view: "logs", id: null }), "");
  assert.equal(fragmentOfLog("a/b"), "#log=a%2Fb");
  assert.equal(fragmentOfContainer("a/b"), "#container=a%2Fb");
});
