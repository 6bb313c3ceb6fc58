import assert from "node:assert/strict";
import { test } from "node:test";

import { Subscriptions } from "../../src/sdk/subscriptions.ts";

/** As much of wampy as subscriptions need. */
class Broker {
  readonly said: string[] = [];
  #callback: (event: { details: {}; argsList: unknown[] }) => void = () => {};

  subscribe(topic: string, callback: (event: { details: {}; argsList: unknown[] }) => void) {
    this.said.push(`subscribe ${topic}`);
    this.#callback = callback;
    const subscriptionId = this.said.length;
    return Promise.resolve({ topic, requestId: 1, subscriptionId, subscriptionKey: topic });
  }

  unsubscribe(id: number | string) {
    this.said.push(`unsubscribe ${id}`);
    return Promise.resolve(true as const);
  }

  publish(event: unknown): void {
    this.#callback({ details: {}, argsList: [event] });
  }
}

test("listeners of a topic share a subscription, and the last one ends it", async () => {
  const broker = new Broker();
  const subscriptions = new Subscriptions(broker);
  const heard: string[] = [];
  const one = subscriptions.listen("a", "exact", ([event]) => heard.push(`one ${event}`));
  const two = subscriptions.listen("a", "exact", ([event]) => heard.push(`two ${event}`));
  await one.ready;
  broker.publish(1);
  one.end();
  await new Promise(setImmediate);
  broker.publish(2);
  two.end();
  two.end();
  await new Promise(setImmediate);
  assert.deepEqual(heard, ["one 1", "two 1", "two 2"]);
  assert.deepEqual(broker.said, ["subscribe a", "unsubscribe 1"]);
});

test("who comes while the last one goes keeps the subscription", async () => {
  const broker = new Broker();
  const subscriptions = new Subscriptions(broker);
  subscriptions.listen("a", "exact", () => {}).end();
  subscriptions.listen("a", "exact", () => {});
  await new Promise(setImmediate);
  assert.deepEqual(broker.said, ["subscribe a"]);
});

test("a prefix stays subscribed, for wampy would fail at its end", async () => {
  const broker = new Broker();
  const subscriptions = new Subscriptions(broker);
  subscriptions.listen("a", "prefix", () => {}).end();
  await new Promise(setImmediate);
  assert.deepEqual(broker.said, ["subscribe a"]);
});
