/** How a log stands, in a word and a sentence: live, ended, or not readable any more. */

import type { FollowEnd, Sealed } from "../sdk/index.ts";

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

export function badgeOfEnd(end: FollowEnd): Badge {
  if (end.kind === "sealed") return badgeOf(end.sealed);
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
    case "failed":
      return `This log cannot be shown: ${end.reason}`;
  }
}

function sealedSentence({ exitCode, reason }: Sealed): string {
  const why = reason === null ? "" : ` (${reason})`;
  if (exitCode === null) return `The log ended without an exit status${why}.`;
  return `The command ended with exit status ${exitCode}${why}.`;
}
