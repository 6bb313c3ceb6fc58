// Watches one log with Autobahn|JS and prints what comes, a JSON document a line.
// Arguments: URL, user, token, stream. Ends when standard input does.
"use strict";

const autobahn = require("autobahn");

const [url, user, token, stream] = process.argv.slice(2);

function say(kind, value) {
  process.stdout.write(JSON.stringify({ kind, value }) + "\n");
}

const connection = new autobahn.Connection({
  url,
  realm: "realm1",
  authmethods: ["ticket"],
  authid: user,
  onchallenge: () => token,
  max_retries: 0,
});

connection.onopen = async (session) => {
  try {
    const subscription = await session.subscribe(
      `fairlead.stream.${stream}`,
      (args) => say("event", args[0]),
      { get_retained: true },
    );
    subscription.on_unsubscribe?.then((reason) => say("unsubscribed", String(reason)));
    say("subscribed", subscription.topic);
    session
      .call("fairlead.log.follow", [stream], {}, { receive_progress: true })
      .then(
        (result) => say("result", result),
        (error) => say("error", error.error),
        (progress) => say("progress", progress),
      );
    const page = await session.call("fairlead.log.read", [stream]);
    say("read", page);
  } catch (error) {
    say("failed", error.error ?? String(error));
  }
};
connection.onclose = (reason) => {
  say("closed", reason);
  process.exit(0);
};
process.stdin.on("end", () => connection.close());
process.stdin.resume();
connection.open();
