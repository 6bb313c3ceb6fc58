/**
 * Fairlead's browser SDK: live logs in a few lines.
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
 */

import type { Caller } from "./connection.ts";
import { Follower, type FollowHandlers, type FollowStart } from "./follow.ts";

export { Connection, type Caller, type ConnectionState } from "./connection.ts";
export type { Position } from "./cursor.ts";
export { ConnectionLost, NOT_AUTHORIZED, RequestError, SessionRefused } from "./errors.ts";
export { Follower, type FollowEnd, type FollowHandlers, type FollowStart } from "./follow.ts";
export { listLogs, readLog, readRange, type ListOptions, type ReadOptions } from "./logs.ts";
export type { Text } from "./text.ts";
export {
  FLAG_CARRIAGE_RETURN,
  FLAG_MARKER,
  FLAG_PARTIAL,
  type Lagged,
  type LogRecord,
  type Reset,
  type Sealed,
  type StreamInfo,
} from "./wire.ts";

/** Follows a log until it is sealed, the right to read it goes, or `stop()` is called. */
export function followLog(
  caller: Caller,
  stream: string,
  handlers: FollowHandlers,
  start: FollowStart = null,
): Follower {
  return new Follower(caller, stream, handlers, start);
}
