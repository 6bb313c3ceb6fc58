import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { downloadLog } from "../../src/sdk/download.ts";
import { DownloadFailed } from "../../src/sdk/errors.ts";

const BASE = "https://logs.example/sub/";

async function asked(answer: Response | Error, token: string | null = "secret") {
  const fetched = mock.method(globalThis, "fetch", () =>
    answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer),
  );
  try {
    const options = { format: "ndjson", tail: 5, sources: ["a b", "c"] } as const;
    const outcome = await downloadLog(BASE, "job@1", token, options).catch((error) => error);
    const [url, init] = fetched.mock.calls[0]?.arguments ?? [];
    return { url: String(url), init, outcome };
  } finally {
    fetched.mock.restore();
  }
}

test("the token is in the header, never in the address", async () => {
  const { url, init } = await asked(new Response("lines"));
  assert.equal(url, `${BASE}logs/job%401?format=ndjson&tail=5&source=a+b&source=c`);
  assert.deepEqual(init?.headers, { Authorization: "Bearer secret" });
  assert.equal(init?.redirect, "error", "nor is it carried to another server");
});

test("without a token it asks as anybody", async () => {
  assert.deepEqual((await asked(new Response("lines"), null)).init?.headers, {});
});

test("a refusal is told in the server's words, and one without words by itself", async () => {
  const { outcome } = await asked(new Response("may not read\n", { status: 403 }));
  assert.ok(outcome instanceof DownloadFailed);
  assert.equal(outcome.status, 403);
  assert.equal(outcome.message, "may not read");
  assert.equal((await asked(new TypeError("network"))).outcome.status, 0);
});
