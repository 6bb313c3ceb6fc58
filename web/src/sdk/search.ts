/**
 * Looking for something in a log: the server looks, page by page, for a plain text.
 *
 * One call looks at a bounded part and may find nothing in it; `findNext` goes on until there is a
 * match, or no more of the log.
 */

import type { Caller } from "./connection.ts";
import { integer, parseNews, type Lagged, type LogRecord } from "./wire.ts";

/** What must hold of a record, all of it. */
export interface Wanted {
  /** A part of its text, as it is: no pattern. */
  readonly text?: string;
  readonly ignoreCase?: boolean;
  readonly sources?: readonly string[];
  /** From this time on, in microseconds since 1970. */
  readonly sinceUs?: number;
  /** Before this time. */
  readonly untilUs?: number;
}

/** Where to look: from `start`, a position in `epoch`, or without it from that end of the log. */
export interface SearchOptions {
  readonly start?: number;
  readonly epoch?: number;
  readonly limit?: number;
  /** Towards the oldest record, below `start`; the latest match comes first. */
  readonly backwards?: boolean;
}

export interface SearchPage {
  /** In the direction of the search. */
  readonly records: readonly LogRecord[];
  /** How far it has come, to go on from. */
  readonly next: number;
  readonly epoch: number;
  /** Whether there is nothing more to look at. */
  readonly isComplete: boolean;
  readonly oldest: number;
  /** What the store lost and the search passed over. */
  readonly damage: Lagged | null;
}

/** One page of what is found. In a new epoch the search begins anew. */
export async function searchLog(
  caller: Caller,
  stream: string,
  wanted: Wanted,
  options: SearchOptions = {},
): Promise<SearchPage> {
  const { ignoreCase, sinceUs, untilUs, ...same } = wanted;
  const answer = await caller.call("fairlead.log.search", {
    stream,
    ...same,
    ...options,
    ...(ignoreCase === undefined ? {} : { ignore_case: ignoreCase }),
    ...(sinceUs === undefined ? {} : { since: sinceUs }),
    ...(untilUs === undefined ? {} : { until: untilUs }),
  });
  const next = integer(answer, "next");
  const oldest = integer(answer, "oldest");
  const isComplete = options.backwards ? next <= oldest : next >= integer(answer, "head");
  const { batch, lagged } = parseNews(answer);
  return {
    records: batch?.records ?? [],
    next,
    epoch: integer(answer, "epoch"),
    isComplete,
    oldest,
    damage: lagged?.isDamage ? lagged : null,
  };
}

/**
 * The nearest match in that direction, and its epoch; null where there is none.
 *
 * @param isWanted asked before each page: a person may have changed their mind
 */
export async function findNext(
  caller: Caller,
  stream: string,
  wanted: Wanted,
  options: SearchOptions,
  isWanted: () => boolean,
): Promise<{ readonly record: LogRecord; readonly epoch: number } | null> {
  let where: SearchOptions = { ...options, limit: 1 };
  while (isWanted()) {
    const page = await searchLog(caller, stream, wanted, where);
    const record = page.records[0];
    if (record !== undefined) return { record, epoch: page.epoch };
    if (page.isComplete || page.next === where.start) return null;
    where = { ...where, start: page.next, epoch: page.epoch };
  }
  return null;
}
