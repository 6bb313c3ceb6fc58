/**
 * Where a reader of a stream stands, and what that makes of the next batch.
 *
 * A cursor is (epoch, next). It is the whole memory of a follower: with it a broken connection, a
 * restarted server and a repeated batch all come to the same thing. Pure; no clock and no network.
 */

import type { Batch, Lagged, LogRecord, Reset } from "./wire.ts";

export interface Position {
  readonly epoch: number;
  /** The sequence number of the first record that has not been seen. */
  readonly next: number;
}

/** A batch that begins behind the cursor: something between was not delivered. */
export class Hole extends Error {
  constructor(expected: number, first: number) {
    super(`expected record ${expected}, got ${first}`);
    this.name = "Hole";
  }
}

export class Cursor {
  /** Null until the first batch has said where the stream stands. */
  #position: Position | null;

  constructor(position: Position | null = null) {
    this.#position = position;
  }

  get position(): Position | null {
    return this.#position;
  }

  /**
   * The records of the batch that have not been seen, in order; moves on behind them.
   *
   * What was seen already is cut off. A hole and a foreign epoch throw: the caller asks again
   * from its position, and the service then says `lagged` or `reset` in so many words.
   */
  accept(batch: Batch): readonly LogRecord[] {
    const position = this.#position;
    if (position !== null) {
      if (batch.epoch !== position.epoch) throw new Hole(position.next, batch.first);
      if (batch.first > position.next) throw new Hole(position.next, batch.first);
      if (batch.next <= position.next) return [];
    }
    const fresh =
      position === null || batch.first === position.next
        ? batch.records
        : batch.records.filter((record) => record.seq >= position.next);
    this.#position = { epoch: batch.epoch, next: batch.next };
    return fresh;
  }

  /** Steps over what is gone. */
  lag(lagged: Lagged): void {
    this.passTo(lagged.to);
  }

  /** The service says that everything in front of `next` has come: what a filter left out, too. */
  passTo(next: number): void {
    const position = this.#position;
    if (position !== null && next > position.next) {
      this.#position = { epoch: position.epoch, next };
    }
  }

  /** Begins anew in the replaced store, at the oldest record that it holds. */
  reset(reset: Reset): void {
    this.#position = { epoch: reset.epoch, next: reset.oldest };
  }
}
