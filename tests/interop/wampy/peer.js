// wampy as a peer: does what the lines on its standard input ask for.
import { Wampy } from "wampy";
import { CborSerializer } from "wampy/CborSerializer.js";
import { JsonSerializer } from "wampy/JsonSerializer.js";
import { MsgpackSerializer } from "wampy/MsgpackSerializer.js";
import { sign as cryptosign } from "wampy/cryptosign.js";
import { sign as wampcra } from "wampy/wampcra.js";
import { say, serve } from "../lines.cjs";

const settings = JSON.parse(process.argv[2]);
const requests = new Map();

// As wampy's own options, but for the last: else a Buffer is tagged as a typed array, which only CBOR has.
const CBOR_OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  int64AsNumber: true,
  largeBigIntToFloat: true,
  tagUint8Array: false,
};
const SERIALIZERS = {
  json: () => new JsonSerializer(),
  msgpack: () => new MsgpackSerializer(),
  cbor: () => new CborSerializer(CBOR_OPTIONS),
};
// What is not given goes out as `undefined`, which JSON leaves out and the others have another type for. And what was
// subscribed with options, wampy cannot unsubscribe.
const SUBSCRIBE_OPTIONS = settings.serializer === "json" ? undefined : { match: "exact", get_retained: false };
const PLUGINS = { ticket: (secret) => () => secret, wampcra, cryptosign };

const ENDPOINTS = {
  echo: ({ argsList, argsDict }) => ({ argsList, argsDict }),
  fail: ({ argsList, argsDict }) => {
    throw { error: "com.example.failed", argsList, argsDict };
  },
  count: ({ argsList: [count], result_handler }) => {
    for (let number = 0; number < count; number++) result_handler({ argsList: [number], options: { progress: true } });
    return { argsList: [count] };
  },
  wait: () => {
    say("invoked");
    return new Promise(() => {});
  },
};

const { auth } = settings;
const joined = ({ authid, authrole, authmethod }) => say("joined", { authid, authrole, authmethod });

const wampy = new Wampy(settings.url, {
  ws: WebSocket, // Node's own
  realm: settings.realm,
  serializer: SERIALIZERS[settings.serializer](),
  reconnectInterval: 100,
  maxRetries: 0, // no limit
  onReconnectSuccess: joined,
  onReconnect: () => say("left", { reason: "lost" }),
  ...(auth && {
    authid: auth.authid,
    authmethods: [auth.method],
    authextra: auth.public_key ? { pubkey: auth.public_key } : {},
    authMode: "auto",
    authPlugins: { [auth.method]: PLUGINS[auth.method](auth.secret) },
  }),
});

serve({
  async subscribe({ topic, options }) {
    const onEvent = ({ argsList, argsDict, details }) =>
      say("event", {
        topic: details.topic ?? topic,
        args: argsList ?? [],
        kwargs: argsDict ?? {},
        retained: Boolean(details.retained),
      });
    const given = Object.keys(options).length > 0 ? { ...SUBSCRIBE_OPTIONS, ...options } : SUBSCRIBE_OPTIONS;
    requests.set(topic, await wampy.subscribe(topic, onEvent, given));
  },
  async unsubscribe({ topic }) {
    await wampy.unsubscribe(requests.get(topic).subscriptionId);
  },
  async publish({ topic, args, kwargs, options }) {
    await wampy.publish(topic, { argsList: args, argsDict: kwargs }, options);
  },
  async register({ procedure, behaviour, options }) {
    await wampy.register(procedure, ENDPOINTS[behaviour], options);
  },
  async unregister({ procedure }) {
    await wampy.unregister(procedure);
  },
  async call({ id, procedure, args, kwargs, progress }) {
    const progress_callback = ({ argsList, argsDict }) => say("progress", { args: argsList, kwargs: argsDict ?? {} });
    const call = wampy.call(procedure, { argsList: args, argsDict: kwargs }, progress ? { progress_callback } : {});
    requests.set(id, wampy.getOpStatus().reqId);
    const { argsList, argsDict } = await call;
    return { args: argsList ?? [], kwargs: argsDict ?? {} };
  },
  async cancel({ call }) {
    wampy.cancel(requests.get(call), { mode: "killnowait" });
  },
  async leave() {
    await wampy.disconnect();
    say("left", { reason: "wamp.close.goodbye_and_out" });
  },
});

try {
  joined(await wampy.connect());
} catch (error) {
  say("left", { reason: error.errorUri ?? String(error) });
}
