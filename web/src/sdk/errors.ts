/**
 * What can go wrong, in the words of the wire.
 *
 * `RequestError`   the router or a service refused one request; the session goes on.
 * `SessionRefused` the router will not have this session; trying again with the same
 *                  credentials is pointless.
 * `ConnectionLost` the transport went away or never came; trying again is the cure.
 * `DownloadFailed` a download was refused (its `status` says why) or cut off (status 0).
 */

export const NOT_AUTHORIZED = "wamp.error.not_authorized";
/** A cursor beyond the head: it belongs to another copy of the log. */
export const AHEAD = "fairlead.error.ahead";
export const NO_SUCH_STREAM = "fairlead.error.no_such_stream";
/** What passes by itself: the service starts, stops, or has no room just now. */
const PASSING: ReadonlySet<string> = new Set([
  "fairlead.error.busy",
  "fairlead.error.store_failed",
  "wamp.error.network_failure",
  "wamp.error.no_such_procedure",
  "wamp.error.timeout",
  "wamp.error.unavailable",
]);

/** ABORT reasons that time does not cure. Every other ABORT is worth another attempt. */
const FINAL_ABORTS: ReadonlySet<string> = new Set([
  NOT_AUTHORIZED,
  "wamp.error.authentication_failed",
  "wamp.error.authentication_denied",
  "wamp.error.authentication_required",
  "wamp.error.authorization_failed",
  "wamp.error.cannot_authenticate",
  "wamp.error.no_matching_auth_method",
  "wamp.error.no_auth_method",
  "wamp.error.no_such_principal",
  "wamp.error.no_such_role",
  "wamp.error.no_such_realm",
]);

export class RequestError extends Error {
  readonly uri: string;
  /** The ERROR's keyword arguments, such as `expected` or `reason`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(uri: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = "RequestError";
    this.uri = uri;
    this.details = details;
  }
}

export class SessionRefused extends Error {
  readonly uri: string;

  constructor(uri: string, message: string) {
    super(message);
    this.name = "SessionRefused";
    this.uri = uri;
  }
}

export class ConnectionLost extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConnectionLost";
  }
}

export class DownloadFailed extends Error {
  /** The HTTP status; 0 where the answer did not come, or not to its end. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "DownloadFailed";
    this.status = status;
  }
}

export function isFinalAbort(uri: string): boolean {
  return FINAL_ABORTS.has(uri);
}

/** Whether the same request may succeed after a pause. */
export function isPassing(uri: string): boolean {
  return PASSING.has(uri);
}

/** An error in words. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
