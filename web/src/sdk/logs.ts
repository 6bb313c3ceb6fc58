/** The procedures of the log service, typed: `list` and `read`. Following is in `follow.ts`. */

import type { Caller } from "./connection.ts";
import {
  parseNews,
  parseStreamInfo,
  Unreadable,
  type LogRecord,
  type StreamInfo,
  type StreamNews,
} from "./wire.ts";

export interface ListOptions {
  /** Only streams whose name begins so. */
  readonly prefix?: string;
  readonly object?: string;
  /** Continues behind this name: the `after` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface StreamPage {
  readonly streams: readonly StreamInfo[];
  /** Null on the last page. */
  readonly after: string | null;
}

/** Where to begin: a position (which belongs to an epoch), the last N records, or a time. */
export interface ReadOptions {
  readonly start?: number;
  readonly epoch?: number;
  readonly tail?: number;
  /** Microseconds since 1970. */
  readonly since?: number;
  readonly limit?: number;
}

/** The records of a range that are still there. */
export interface Range {
  readonly records: readonly LogRecord[];
  /** The oldest record that the service still holds. */
  readonly oldest: number;
}

/** One page of the streams that this user may read. */
export async function listLogs(caller: Caller, options: ListOptions = {}): Promise<StreamPage> {
  const answer = await caller.call("fairlead.log.list", { ...options });
  const streams = answer["streams"];
  if (!Array.isArray(streams)) throw new Unreadable("no list of streams");
  const after = answer["after"];
  return {
    streams: streams.map(parseStreamInfo),
    after: typeof after === "string" && after !== "" ? after : null,
  };
}

/** Reads once. The service cuts an answer at `limit` records and 256 KiB, so look at `next`. */
export async function readLog(
  caller: Caller,
  stream: string,
  options: ReadOptions,
): Promise<StreamNews> {
  return parseNews(await caller.call("fairlead.log.read", { stream, ...options }));
}

/**
 * Reads the records [from, to) of an epoch, in as many requests as that takes.
 *
 * Retention may have removed records at the front, never between. In a new epoch the range is no
 * longer there at all and comes back empty; the follower is told of the reset by itself.
 */
export async function readRange(
  caller: Caller,
  stream: string,
  epoch: number,
  from: number,
  to: number,
): Promise<Range> {
  const records: LogRecord[] = [];
  let oldest = from;
  for (let start = from; start < to;) {
    const news = await readLog(caller, stream, { start, epoch, limit: to - start });
    if (news.reset !== undefined) return { records: [], oldest: to };
    oldest = Math.max(oldest, news.lagged?.to ?? 0, news.oldest ?? 0);
    const batch = news.batch;
    if (batch === undefined || batch.next <= start) break;
    for (const record of batch.records) if (record.seq < to) records.push(record);
    start = batch.next;
  }
  return { records, oldest };
}
