/**
 * The procedures of the log service, typed: `list`, `read` and the named cursors.
 *
 * Following is in `follow.ts`, searching in `search.ts`.
 */

import type { Caller } from "./connection.ts";
import type { Position } from "./cursor.ts";
import { searchLog } from "./search.ts";
import {
  integer,
  parseNews,
  parseStreamInfo,
  Unreadable,
  type Lagged,
  type LogRecord,
  type StreamInfo,
  type StreamNews,
} from "./wire.ts";

export interface ListOptions {
  /** Only streams whose name begins so. */
  readonly prefix?: string;
  readonly object?: string;
  /** Only those that have ended, or have not. */
  readonly sealed?: boolean;
  /** Only those whose producer is not heard any more, or is. */
  readonly stale?: boolean;
  /** Only those with all of these values. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Continues behind this name: the `after` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface StreamPage {
  readonly streams: readonly StreamInfo[];
  /** Null on the last page. */
  readonly after: string | null;
}

/** Where to begin: a position (which belongs to an epoch), the last records, or a time. */
export interface ReadOptions {
  readonly start?: number;
  readonly epoch?: number;
  readonly tail?: number;
  readonly tail_bytes?: number;
  /** Microseconds since 1970. */
  readonly since?: number;
  readonly sources?: readonly string[];
  readonly limit?: number;
}

/** The last records of a range, as far back as they follow one another. */
export interface Range {
  readonly records: readonly LogRecord[];
  /** The range begins here. */
  readonly from: number;
  /** The oldest record that the service still holds, as far as we know. */
  readonly oldest: number;
  /** What the store lost in front of these records, so that they don't reach back any farther. */
  readonly damage: Lagged | null;
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
 * Where records are missing, those behind the last such place are returned. In a new epoch the
 * range is no longer there at all and comes back empty; the follower is told of the reset itself.
 */
export async function readRange(
  caller: Caller,
  stream: string,
  epoch: number,
  from: number,
  to: number,
): Promise<Range> {
  let records: LogRecord[] = [];
  let oldest = 0;
  let damage: Lagged | null = null;
  for (let start = from; start < to;) {
    const news = await readLog(caller, stream, { start, epoch, limit: to - start });
    if (news.reset !== undefined) return { records: [], from: to, oldest: to, damage: null };
    oldest = Math.max(oldest, news.oldest ?? 0);
    if (news.lagged !== undefined) {
      records = [];
      damage = news.lagged.isDamage ? news.lagged : null;
      if (!news.lagged.isDamage) oldest = Math.max(oldest, news.lagged.to);
    }
    const next = news.batch?.next ?? start;
    for (const record of news.batch?.records ?? []) if (record.seq < to) records.push(record);
    if (next <= start) break;
    start = next;
  }
  return { records, from, oldest, damage };
}

/**
 * Reads backwards from `to`: the `limit` records of these sources in front of it, or fewer.
 *
 * Of a source that is seldom heard that would be many pages, so it is the server that looks.
 */
export async function readEarlier(
  caller: Caller,
  stream: string,
  epoch: number,
  to: number,
  sources: readonly string[],
  limit: number,
): Promise<Range> {
  const options = { start: to, epoch, limit, backwards: true };
  const page = await searchLog(caller, stream, { sources }, options);
  if (page.epoch !== epoch) return { records: [], from: to, oldest: to, damage: null };
  const { next: from, oldest } = page;
  return { records: page.records.toReversed(), from, oldest, damage: page.damage };
}

/** Commits how far a consumer has come; only `back` lets it go back. Durable when it settles. */
export async function commitCursor(
  caller: Caller,
  stream: string,
  cursor: string,
  position: Position,
  back = false,
): Promise<void> {
  await caller.call("fairlead.log.commit", { stream, cursor, ...position, back });
}

/** Where a named cursor stands: what to go on `from`. */
export async function readCursor(
  caller: Caller,
  stream: string,
  cursor: string,
): Promise<Position> {
  const answer = await caller.call("fairlead.log.cursor", { stream, cursor });
  return { next: integer(answer, "next"), epoch: integer(answer, "epoch") };
}
