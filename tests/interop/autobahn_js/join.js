// Joins a realm with one method of Autobahn|JS and prints WELCOME's details, or why it was refused, as a JSON document.
// Arguments: URL, authmethod, authid, secret (for cryptosign the private key, hexadecimal).
"use strict";

const autobahn = require("autobahn");
const nacl = require("tweetnacl");

const [url, authmethod, authid, secret] = process.argv.slice(2);

function say(kind, value) {
  process.stdout.write(JSON.stringify({ kind, value }) + "\n");
}

const keyPair =
  authmethod === "cryptosign" ? nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(secret, "hex"))) : null;

const answers = {
  ticket: () => secret,
  wampcra: (extra) =>
    autobahn.auth_cra.sign(
      extra.salt ? autobahn.auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen) : secret,
      extra.challenge,
    ),
  cryptosign: (extra) => autobahn.auth_cryptosign.sign_challenge(keyPair, extra),
};

const connection = new autobahn.Connection({
  url,
  realm: "realm1",
  authmethods: authmethod === "anonymous" ? undefined : [authmethod],
  authid: authid || undefined,
  authextra: keyPair ? { pubkey: autobahn.auth_cryptosign.public_key(keyPair), channel_binding: null } : undefined,
  onchallenge: (session, method, extra) => answers[method](extra),
  max_retries: 0,
});

let hasJoined = false;

connection.onopen = (session, details) => {
  hasJoined = true;
  say("joined", details);
  connection.close();
};

connection.onclose = (reason, details) => {
  if (!hasJoined) say("refused", details.reason);
  return true;
};

connection.open();
