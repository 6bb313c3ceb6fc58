/**
 * Fairlead's browser SDK: live logs, records and containers in a few lines.
 *
 *     const connection = new Connection({ url, realm: "realm1", credentials: { user, token } });
 *     connection.open();
 *     const follower = followLog(connection, "job-17", {
 *       records: (records) => records.forEach(show),
 *       lagged: ({ from, to }) => say(`records ${from} to ${to} are gone`),
 *       reset: () => clear(),
 *       ended: (end) => say(end.kind),
 *     });
 *     ...
 *     follower.stop();
 *
 *     const watcher = watchRecords(connection, { kind: "container" }, {
 *       changed: (changes) => changes.forEach(show), // or look at watcher.entries
 *       ended: (end) => say(end.reason),
 *     });
 */

import type { Caller } from "./connection.ts";
import { Follower, type FollowHandlers, type FollowOptions } from "./follow.ts";

export { Connection, type Caller, type ConnectionState } from "./connection.ts";
export {
  cancelContainer,
  createContainer,
  parseContainer,
  requestContainer,
  setContainerPriority,
  type Container,
  type ContainerOptions,
  type ContainerState,
  type RequestOptions,
} from "./containers.ts";
export type { Position } from "./cursor.ts";
export { Directory, type DirectoryHandlers } from "./directory.ts";
export { downloadLog, type DownloadOptions } from "./download.ts";
export {
  ConnectionLost,
  DownloadFailed,
  NOT_AUTHORIZED,
  RequestError,
  SessionRefused,
  textOf,
} from "./errors.ts";
export { Follower, type FollowEnd, type FollowHandlers, type FollowOptions } from "./follow.ts";
export {
  commitCursor,
  listLogs,
  readCursor,
  readEarlier,
  readLog,
  readRange,
  type ListOptions,
  type Range,
  type ReadOptions,
} from "./logs.ts";
export type { RecordChange, RecordEntry, ResetReason } from "./records.ts";
export { findNext, searchLog, type SearchOptions, type SearchPage, type Wanted } from "./search.ts";
export type { Text } from "./text.ts";
export {
  Watcher,
  watchRecords,
  type Condition,
  type WatchEnd,
  type WatchHandlers,
  type WatchQuery,
} from "./watch.ts";
export {
  FLAG_CARRIAGE_RETURN,
  FLAG_MARKER,
  FLAG_PARTIAL,
  type Batch,
  type Lagged,
  type LogRecord,
  type Reset,
  type Sealed,
  type StreamInfo,
} from "./wire.ts";

/** Follows a log until it is sealed or deleted, the right to read it goes, or `stop()` is called. */
export function followLog(
  caller: Caller,
  stream: string,
  handlers: FollowHandlers,
  options: FollowOptions = {},
): Follower {
  return new Follower(caller, stream, handlers, options);
}
