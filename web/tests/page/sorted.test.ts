import assert from "node:assert/strict";
import { test } from "node:test";

import { Sorted } from "../../src/page/sorted.ts";

interface Item {
  readonly id: string;
  readonly rank: number;
}

function byRank(one: Item, other: Item): number {
  return one.rank - other.rank || one.id.localeCompare(other.id);
}

function item(id: string, rank: number): Item {
  return { id, rank };
}

test("what changes is where it belongs, and what is gone is nowhere", () => {
  const sorted = new Sorted<Item>(byRank);
  sorted.fill([item("c", 3), item("a", 1), item("b", 2)]);
  sorted.change(new Map([["a", item("a", 9)]]));
  sorted.change(
    new Map([
      ["c", null],
      ["unknown", null],
    ]),
  );
  sorted.change(new Map([["d", item("d", 2)]]));
  assert.deepEqual(
    sorted.items.map(({ id }) => id),
    ["b", "d", "a"],
  );
  assert.equal(sorted.indexOf("a"), 2);
  assert.equal(sorted.indexOf("c"), -1);
});

test("many changes at once and one at a time come to the same", () => {
  const random = (seed: number): number => (seed * 16_807) % 2_147_483_647;
  const [one, other] = [new Sorted<Item>(byRank), new Sorted<Item>(byRank)];
  let seed = 42;
  for (let round = 0; round < 10; round += 1) {
    const changes = new Map<string, Item | null>();
    for (let count = 0; count < 300; count += 1) {
      seed = random(seed);
      const id = `item-${seed % 500}`;
      changes.set(id, seed % 7 === 0 ? null : item(id, seed % 100));
    }
    one.change(changes);
    for (const [id, changed] of changes) other.change(new Map([[id, changed]]));
    assert.deepEqual(one.items, other.items);
  }
});
