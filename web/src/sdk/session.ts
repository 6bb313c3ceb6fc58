/**
 * One WAMP session over one WebSocket, from HELLO until it is lost. Never reconnects.
 *
 * Everything that is peculiar to wampy stays in this file and in `subscriptions.ts` (8.0.2, read in
 * its source):
 * - `connect()` is left pending for ever when the socket closes before WELCOME, so it races
 *   against `onClose` and a timeout here;
 * - its own reconnect waits 2 s each time, without jitter, never for the first connect, and
 *   announces a resubscribe that was refused only through `onError`: it stays switched off;
 * - without `authid` it announces no authmethods, so a ticket needs the user's name too;
 * - the id that CANCEL needs is only in `getOpStatus()`, right after the call;
 * - none of its checks of URIs lets a prefix end with a dot, and the strict one takes no `-`, `+`
 *   and `@`, which our ids may hold: the router checks them, and says what is wrong.
 */

import { Errors, Wampy } from "wampy";

import { ConnectionLost, RequestError, SessionRefused, isFinalAbort } from "./errors.ts";
import { Subscriptions, type Match, type Subscription } from "./subscriptions.ts";
import { isDict, type Dict } from "./wire.ts";

type WampyOptions = ConstructorParameters<typeof Wampy>[1];

export interface SessionOptions {
  readonly url: string;
  readonly realm: string;
  /** The user's id and token; without them the session is anonymous. */
  readonly credentials: { readonly user: string; readonly token: string } | null;
}

/** A call that brings progressive results until it ends or is cancelled. */
export interface ProgressiveCall {
  /** The final result; rejects with `RequestError` or `ConnectionLost`. */
  readonly done: Promise<Dict>;
  cancel(): void;
}

/** WELCOME comes within milliseconds; a proxy whose router hangs would keep us waiting for ever. */
const CONNECT_TIMEOUT_MS = 10_000;

export class Session {
  readonly #wampy: Wampy;
  readonly #subscriptions: Subscriptions;

  private constructor(wampy: Wampy) {
    this.#wampy = wampy;
    this.#subscriptions = new Subscriptions(wampy);
  }

  /**
   * Connects and joins.
   *
   * @param onLost called once when the session, having been established, is gone
   * @throws SessionRefused where another attempt is pointless, else ConnectionLost
   */
  static async open(options: SessionOptions, onLost: (error: Error) => void): Promise<Session> {
    let isEstablished = false;
    let lastError: Error | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wampy = new Wampy(options.url, wampyOptions(options));
    Object.defineProperty(wampy, "_validateURI", { value: () => true });
    const failed = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new ConnectionLost("the server did not answer"));
        wampy.abort();
      }, CONNECT_TIMEOUT_MS);
      wampy.setOptions({
        onError: (error) => {
          lastError ??= error;
        },
        onClose: () => {
          const error = translate(lastError ?? new ConnectionLost("the connection was closed"));
          if (isEstablished) onLost(error);
          else reject(error);
        },
      });
    });
    // Once the session stands nobody looks at this promise any more.
    failed.catch(() => {});
    try {
      await Promise.race([wampy.connect(), failed]);
    } catch (error) {
      throw translate(error);
    } finally {
      clearTimeout(timer);
    }
    isEstablished = true;
    return new Session(wampy);
  }

  async call(procedure: string, kwargs: Dict): Promise<Dict> {
    try {
      const payload = { argsList: [], argsDict: { ...kwargs } };
      return onlyDict((await this.#wampy.call(procedure, payload)).argsList);
    } catch (error) {
      throw translate(error);
    }
  }

  /** Calls with `receive_progress`; `onDict` gets the dict of each progressive result. */
  callProgressively(
    procedure: string,
    kwargs: Dict,
    onDict: (dict: Dict) => void,
  ): ProgressiveCall {
    const result = this.#wampy.call(
      procedure,
      { argsList: [], argsDict: { ...kwargs } },
      { progress_callback: (data) => onDict(onlyDict(data.argsList)) },
    );
    const requestId = this.#wampy.getOpStatus().reqId;
    const done = result.then(
      (data) => onlyDict(data.argsList),
      (error: unknown) => Promise.reject(translate(error)),
    );
    return { done, cancel: () => this.#cancel(requestId) };
  }

  /** Subscribes; `onDict` gets the dict of each event. */
  subscribe(topic: string, match: Match, onDict: (dict: Dict) => void): Subscription {
    const { ready, end } = this.#subscriptions.listen(topic, match, (event) =>
      onDict(onlyDict(event)),
    );
    return { ready: ready.catch((error: unknown) => Promise.reject(translate(error))), end };
  }

  /** Says GOODBYE and closes. */
  close(): void {
    this.#wampy.disconnect().catch(() => {});
  }

  /** Closes the socket without a word: for a connection that no longer answers. */
  drop(): void {
    this.#wampy.abort();
  }

  #cancel(requestId: number): void {
    try {
      this.#wampy.cancel(requestId);
    } catch {
      // The call has ended meanwhile, which is all that was wanted.
    }
  }
}

function wampyOptions({ realm, credentials }: SessionOptions): WampyOptions {
  const common: WampyOptions = { realm, autoReconnect: false };
  if (credentials === null) return common;
  return {
    ...common,
    authid: credentials.user,
    authmethods: ["ticket"],
    onChallenge: () => credentials.token,
  };
}

function onlyDict(args: unknown[] | undefined): Dict {
  const first = args?.[0];
  return isDict(first) ? first : {};
}

/** wampy's errors in our three kinds. */
function translate(error: unknown): Error {
  if (error instanceof RequestError || error instanceof SessionRefused) return error;
  if (error instanceof Errors.AbortError) {
    const text = typeof error.details["message"] === "string" ? error.details["message"] : "";
    return isFinalAbort(error.errorUri)
      ? new SessionRefused(error.errorUri, text || error.errorUri)
      : new ConnectionLost(text || error.errorUri);
  }
  if (error instanceof Errors.WampError) {
    const text = error.argsList?.[0];
    const message = typeof text === "string" && text !== "" ? text : error.errorUri;
    return new RequestError(error.errorUri, message, error.argsDict ?? {});
  }
  if (error instanceof ConnectionLost) return error;
  return new ConnectionLost(error instanceof Error ? error.message : String(error));
}
