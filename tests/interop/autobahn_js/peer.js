// Autobahn|JS as a peer: does what the lines on its standard input ask for.
"use strict";

const autobahn = require("autobahn");
const nacl = require("tweetnacl"); // Autobahn's own
const { say, serve } = require("../lines.cjs");

const settings = JSON.parse(process.argv[2]);
const subscriptions = new Map();
const registrations = new Map();
const calls = new Map();

const SERIALIZERS = {
  json: () => new autobahn.serializer.JSONSerializer(),
  msgpack: () => new autobahn.serializer.MsgpackSerializer(),
  cbor: () => new autobahn.serializer.CBORSerializer(),
};

const ENDPOINTS = {
  echo: (args, kwargs) => new autobahn.Result(args, kwargs),
  fail: (args, kwargs) => {
    throw new autobahn.Error("com.example.failed", args, kwargs);
  },
  count: ([count], _kwargs, details) => {
    for (let number = 0; number < count; number++) details.progress([number]);
    return count;
  },
  wait: () => {
    say("invoked");
    return new Promise(() => {});
  },
};

function answering(challenge) {
  const auth = settings.auth;
  switch (auth.method) {
    case "ticket":
      return auth.secret;
    case "wampcra": {
      const { salt, iterations, keylen } = challenge;
      const key = salt ? autobahn.auth_cra.derive_key(auth.secret, salt, iterations, keylen) : auth.secret;
      return autobahn.auth_cra.sign(key, challenge.challenge);
    }
    case "cryptosign":
      return autobahn.auth_cryptosign.sign_challenge(
        nacl.sign.keyPair.fromSeed(new Uint8Array(Buffer.from(auth.secret, "hex"))),
        challenge,
      );
  }
}

/** The URL as a connection wants it; RawSocket is JSON only. */
function transport() {
  const url = new URL(settings.url);
  if (url.protocol.startsWith("ws")) {
    return { type: "websocket", url: settings.url, serializers: [SERIALIZERS[settings.serializer]()] };
  }
  if (url.protocol === "unix:") return { type: "rawsocket", path: url.pathname };
  return { type: "rawsocket", host: url.hostname, port: Number(url.port) };
}

const connection = new autobahn.Connection({
  transports: [transport()],
  realm: settings.realm,
  ...(settings.auth && {
    authmethods: [settings.auth.method],
    authid: settings.auth.authid,
    authextra: settings.auth.public_key ? { pubkey: settings.auth.public_key } : undefined,
    onchallenge: (_session, _method, extra) => answering(extra),
  }),
  max_retries: -1,
  initial_retry_delay: 0.1,
  max_retry_delay: 0.3,
});

let session;

connection.onopen = (opened, details) => {
  session = opened;
  say("joined", { authid: details.authid, authrole: details.authrole, authmethod: details.authmethod });
};
connection.onclose = (reason, details) => {
  say("left", { reason: details?.reason ?? reason });
  return false; // go on trying
};

serve({
  async subscribe({ topic, options }) {
    const onEvent = (args, kwargs, details) =>
      say("event", { topic: details.topic, args, kwargs, retained: Boolean(details.retained) });
    subscriptions.set(topic, await session.subscribe(topic, onEvent, options));
  },
  async unsubscribe({ topic }) {
    await subscriptions.get(topic).unsubscribe();
  },
  async publish({ topic, args, kwargs, options }) {
    await session.publish(topic, args, kwargs, { acknowledge: true, ...options });
  },
  async register({ procedure, behaviour, options }) {
    registrations.set(procedure, await session.register(procedure, ENDPOINTS[behaviour], options));
  },
  async unregister({ procedure }) {
    await registrations.get(procedure).unregister();
  },
  async call({ id, procedure, args, kwargs, progress }) {
    const call = session.call(procedure, args, kwargs, { receive_progress: progress });
    calls.set(id, call);
    const result = await call.then(undefined, undefined, (value) => say("progress", { args: [value], kwargs: {} }));
    if (result instanceof autobahn.Result) return { args: result.args, kwargs: result.kwargs };
    return { args: result === null ? [] : [result], kwargs: {} };
  },
  async cancel({ call }) {
    // In the other modes it forgets the call, and closes the connection when the ERROR comes for it.
    calls.get(call).cancel({ mode: "kill" });
  },
  async leave() {
    connection.close();
  },
});
connection.open();
