/** A log as a file, over HTTP. The token is in a header: an address ends in histories and logs. */

import { DownloadFailed } from "./errors.ts";

export interface DownloadOptions {
  /** `text` is what was logged, `ndjson` each record as a JSON document. */
  readonly format: "text" | "ndjson";
  readonly tail?: number;
  /** Microseconds since 1970. */
  readonly sinceUs?: number;
  readonly untilUs?: number;
  readonly sources?: readonly string[];
  /** Ends it; `fetch` then rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/**
 * Asks for a log. The answer's body is still to be read: it fails where the right to read ends.
 *
 * @param base  the address of the server, as "https://logs.example/"
 * @param token null asks as anybody
 * @throws DownloadFailed with the server's words, or with status 0 where none came
 */
export async function downloadLog(
  base: string,
  stream: string,
  token: string | null,
  options: DownloadOptions,
): Promise<Response> {
  const response = await fetch(addressOf(base, stream, options), {
    headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: unknown) => {
    if (options.signal?.aborted) throw error;
    throw new DownloadFailed(0, "the server cannot be reached");
  });
  if (response.ok) return response;
  const said = await response.text().catch(() => "");
  throw new DownloadFailed(response.status, said.trim() || response.statusText);
}

function addressOf(base: string, stream: string, options: DownloadOptions): string {
  const url = new URL(`logs/${encodeURIComponent(stream)}`, base);
  url.searchParams.set("format", options.format);
  if (options.tail !== undefined) url.searchParams.set("tail", String(options.tail));
  if (options.sinceUs !== undefined) url.searchParams.set("since", String(options.sinceUs));
  if (options.untilUs !== undefined) url.searchParams.set("until", String(options.untilUs));
  for (const source of options.sources ?? []) url.searchParams.append("source", source);
  return url.href;
}
