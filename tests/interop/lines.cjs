// What the Node programs of the interoperability tests share: requests and answers as JSON documents, a line each.
// support/peers.py has the other end and says what the lines mean.
"use strict";

const readline = require("node:readline");

/** The value with each binary string as {"$binary": base64}, which JSON has no other way for. */
function packed(value) {
  if (ArrayBuffer.isView(value)) {
    return { $binary: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (value instanceof ArrayBuffer) return { $binary: Buffer.from(value).toString("base64") };
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(packed);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, packed(item)]));
  }
  return value;
}

/** The value that was packed. */
function unpacked(value) {
  if (Array.isArray(value)) return value.map(unpacked);
  if (value !== null && typeof value === "object") {
    if ("$binary" in value) return Buffer.from(value.$binary, "base64");
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpacked(item)]));
  }
  return value;
}

function write(document) {
  process.stdout.write(JSON.stringify(document) + "\n");
}

/** Something that nobody has asked for: an event, the end of a session. */
function say(kind, fields = {}) {
  write({ said: kind, ...packed(fields) });
}

/** Performs what the lines ask for, each verb with the function of its name; ends with standard input. */
function serve(verbs) {
  const input = readline.createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const request = unpacked(JSON.parse(line));
    try {
      const value = await verbs[request.do](request);
      write({ id: request.id, value: packed(value ?? null) });
    } catch (error) {
      const uri = error.errorUri ?? error.error ?? `node.${error.name ?? "Error"}`;
      const args = error.argsList ?? error.args ?? [String(error.message ?? error)];
      write({ id: request.id, error: { uri, args: packed(args), kwargs: packed(error.argsDict ?? error.kwargs ?? {}) } });
    }
  });
  input.on("close", () => process.exit(0));
}

module.exports = { say, serve };
