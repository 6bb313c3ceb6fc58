/**
 * The dicts of the log service, checked and in TypeScript's words.
 *
 * A batch is `{first, records, next, epoch}`, a record `[time_us, source, text, flags]`. Other
 * dicts on the same channel are `{lagged}`, `{reset}`, `{head}`, `{sealed}`, `{deleted}` and
 * `{revoked}`. Unknown keys are ignored, as the service may grow; a known key of a wrong shape is
 * an `Unreadable`, because guessing would mean a lost or a doubled line.
 */

import { decodeText, type Text } from "./text.ts";

/** The line goes on in the next record of the same source. */
export const FLAG_PARTIAL = 1;
/** `text` is a JSON document about the stream itself: truncated, lost, attempt. */
export const FLAG_MARKER = 2;
/** The line contains a carriage return: a progress bar. */
export const FLAG_CARRIAGE_RETURN = 4;

/** One record of a stream. */
export interface LogRecord {
  /** The sequence number in the stream. */
  readonly seq: number;
  /** Microseconds since 1970. */
  readonly timeUs: number;
  readonly source: string;
  readonly text: Text;
  readonly flags: number;
}

/** All of the stream from `first` to `next`; of a filtered one, what passes of it. */
export interface Batch {
  readonly first: number;
  readonly records: readonly LogRecord[];
  /** Where a reader goes on. */
  readonly next: number;
  readonly epoch: number;
}

/** The end of a stream. `exitCode` is null where no process ended (it was lost, or cancelled). */
export interface Sealed {
  readonly exitCode: number | null;
  readonly reason: string | null;
  readonly next: number | null;
}

/** Records [from, to) are gone: retention removed them, or the store lost them. */
export interface Lagged {
  readonly from: number;
  readonly to: number;
  /** The store lost what it should have. */
  readonly isDamage: boolean;
}

/** The store was replaced: what was read before belongs to another epoch. */
export interface Reset {
  readonly epoch: number;
  readonly oldest: number;
  readonly next: number;
}

/** Everything that one dict of a `follow`, a `read` or a topic said. */
export interface StreamNews {
  batch?: Batch;
  lagged?: Lagged;
  reset?: Reset;
  sealed?: Sealed;
  revoked?: { readonly reason: string };
  /** The log was deleted. */
  deleted?: true;
  head?: number;
  oldest?: number;
}

/** One stream that the caller may read. */
export interface StreamInfo {
  readonly stream: string;
  readonly object: string;
  readonly next: number;
  readonly oldest: number;
  /** What is stored of it. */
  readonly bytes: number;
  /** When it was made, in microseconds since 1970; 0 where the service does not say. */
  readonly createdUs: number;
  /** When its latest record was stored; 0 while there is none. */
  readonly lastUs: number;
  /** The latest attempt; 0 where there is only one. */
  readonly attempt: number;
  readonly metadata: Dict;
  /** Since when its producer has not been heard, though it should have been; null: all is well. */
  readonly staleSinceUs: number | null;
  readonly sealed: Sealed | null;
}

/** An answer that does not have the agreed shape. */
export class Unreadable extends Error {
  constructor(what: string) {
    super(`the server sent ${what}`);
    this.name = "Unreadable";
  }
}

export type Dict = Readonly<Record<string, unknown>>;

/** Reads one dict of the log service. */
export function parseNews(dict: Dict): StreamNews {
  const news: StreamNews = {};
  if (dict["records"] !== undefined) news.batch = parseBatch(dict);
  if (isDict(dict["lagged"])) news.lagged = parseLagged(dict["lagged"]);
  if (isDict(dict["reset"])) news.reset = parseReset(dict["reset"]);
  if (isDict(dict["sealed"])) news.sealed = parseSealed(dict["sealed"]);
  if (isDict(dict["revoked"])) news.revoked = { reason: string(dict["revoked"]["reason"]) };
  if (isDict(dict["deleted"])) news.deleted = true;
  if (dict["head"] !== undefined) news.head = integer(dict, "head");
  if (dict["oldest"] !== undefined) news.oldest = integer(dict, "oldest");
  return news;
}

/** Reads one entry of `fairlead.log.list`, or of the directory's events. */
export function parseStreamInfo(value: unknown): StreamInfo {
  if (!isDict(value)) throw new Unreadable("a stream that is not a dict");
  const stream = string(value["stream"]);
  const { metadata, stale } = value;
  return {
    stream,
    object: string(value["object"]) || stream,
    next: integer(value, "next"),
    oldest: integer(value, "oldest"),
    bytes: integerOr0(value, "bytes"),
    createdUs: integerOr0(value, "created_us"),
    lastUs: integerOr0(value, "last_us"),
    attempt: integerOr0(value, "attempt"),
    metadata: isDict(metadata) ? metadata : {},
    staleSinceUs: isDict(stale) ? integer(stale, "since_us") : null,
    sealed: isDict(value["sealed"]) ? parseSealed(value["sealed"]) : null,
  };
}

export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseBatch(dict: Dict): Batch {
  const rows = dict["records"];
  if (!Array.isArray(rows)) throw new Unreadable("records that are not a list");
  const first = integer(dict, "first");
  const seqs = dict["seqs"];
  const numbers = Array.isArray(seqs) ? (seqs as number[]) : null;
  const records = rows.map((row, index) => parseRecord(row, numbers?.[index] ?? first + index));
  return { first, records, next: integer(dict, "next"), epoch: integer(dict, "epoch") };
}

function parseRecord(row: unknown, seq: number): LogRecord {
  if (!Array.isArray(row)) throw new Unreadable(`record ${seq}, which is not a list`);
  const [timeUs, source, text, flags] = row as unknown[];
  if (typeof timeUs !== "number" || typeof source !== "string" || typeof text !== "string") {
    throw new Unreadable(`record ${seq} of a wrong shape`);
  }
  return { seq, timeUs, source, text: decodeText(text), flags: Number(flags ?? 0) };
}

function parseLagged(dict: Dict): Lagged {
  const isDamage = dict["damaged"] === true;
  return { from: integer(dict, "from"), to: integer(dict, "to"), isDamage };
}

function parseReset(dict: Dict): Reset {
  return {
    epoch: integer(dict, "epoch"),
    oldest: integer(dict, "oldest"),
    next: integer(dict, "next"),
  };
}

function parseSealed(dict: Dict): Sealed {
  const exitCode = dict["exit_code"];
  const next = dict["next"];
  return {
    exitCode: typeof exitCode === "number" ? exitCode : null,
    reason: string(dict["reason"]) || null,
    next: typeof next === "number" ? next : null,
  };
}

export function integer(dict: Dict, key: string): number {
  const value = dict[key];
  if (Number.isSafeInteger(value)) return value as number;
  throw new Unreadable(`${JSON.stringify(value)} for '${key}', which is no whole number`);
}

/** For what the service may leave out, or give as null. */
function integerOr0(dict: Dict, key: string): number {
  return dict[key] === undefined || dict[key] === null ? 0 : integer(dict, key);
}

export function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}
