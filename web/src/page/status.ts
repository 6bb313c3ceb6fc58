/** How a log stands, in a word and a sentence: live, ended, or not readable any more. */

import type { FollowEnd, Sealed, StreamInfo } from "../sdk/index.ts";

export type Tone = "live" | "good" | "bad" | "quiet";

export interface Badge {
  readonly text: string;
  readonly tone: Tone;
}

export const LIVE: Badge = { text: "live", tone: "live" };

/** For the list and the head: "live", "exit 0", "ended". */
export function badgeOf(sealed: Sealed | null): Badge {
  if (sealed === null) return LIVE;
  if (sealed.exitCode === null) return { text: "ended", tone: "bad" };
  return { text: `exit ${sealed.exitCode}`, tone: sealed.exitCode === 0 ? "good" : "bad" };
}

/** Of a log in the list: also "stale", where it has not ended but nobody is heard. */
export function badgeOfStream({ sealed, staleSinceUs }: StreamInfo): Badge {
  if (sealed === null && staleSinceUs !== null) return { text: "stale", tone: "bad" };
  return badgeOf(sealed);
}

export function badgeOfEnd(end: FollowEnd): Badge {
  if (end.kind === "sealed") return badgeOf(end.sealed);
  if (end.kind === "deleted") return { text: "deleted", tone: "bad" };
  if (end.kind === "failed") return { text: "stopped", tone: "bad" };
  return { text: "no access", tone: "bad" };
}

/** The sentence at the end of the lines. */
export function sentenceOf(end: FollowEnd): string {
  switch (end.kind) {
    case "sealed":
      return sealedSentence(end.sealed);
    case "revoked":
      return "Your permission to read this log was withdrawn. What came before is shown; nothing after it is.";
    case "denied":
      return "You may not read this log, or there is no log of this name.";
    case "deleted":
      return "This log was deleted. What came before is shown.";
    case "failed":
      return `This log cannot be shown: ${end.reason}`;
  }
}

function sealedSentence({ exitCode, reason }: Sealed): string {
  const why = reason === null ? "" : ` (${reason})`;
  if (exitCode === null) return `The log ended without an exit status${why}.`;
  return `The command ended with exit status ${exitCode}${why}.`;
}
