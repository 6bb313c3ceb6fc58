/** Saving a log as a file of the reader's. */

import { DownloadFailed, downloadLog, type DownloadOptions } from "../sdk/index.ts";
import { make } from "./dom.ts";

/** How long the browser may take to begin with a file that we have handed it. */
const BEGIN_MS = 60_000;

/**
 * Downloads the log and hands it to the browser as a file. The browser keeps it meanwhile, a large
 * one on its disk, for a link could not carry the token.
 *
 * @throws DownloadFailed also where it was cut off: a part of a log is not saved as if it were all
 */
export async function saveLog(
  stream: string,
  token: string | null,
  options: DownloadOptions,
): Promise<void> {
  const response = await downloadLog(document.baseURI, stream, token, options);
  const content = await response.blob().catch(() => {
    throw new DownloadFailed(0, "the download was cut off before its end");
  });
  const address = URL.createObjectURL(content);
  const link = make("a", "");
  link.href = address;
  link.download = `${stream}.${options.format === "text" ? "log" : "ndjson"}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), BEGIN_MS);
}
