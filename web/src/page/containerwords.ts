/** How a container stands, in words: a badge, facts and a sentence; and which comes first. */

import type { Container } from "../sdk/index.ts";
import type { Badge } from "./status.ts";
import { shownDuration } from "./times.ts";

/** What is running comes first, then what is about to, what waits, and what has ended. */
const RANKS = { Running: 0, Locked: 1, Queued: 2, Complete: 3, Cancelled: 3 } as const;

export function isFinal({ state }: Container): boolean {
  return state === "Complete" || state === "Cancelled";
}

/** "running", "queued", "exit 0", "cancelling". */
export function badgeOfContainer(container: Container): Badge {
  const { state, exitCode, priority } = container;
  if (state === "Complete") {
    return { text: `exit ${exitCode ?? "?"}`, tone: exitCode === 0 ? "good" : "bad" };
  }
  if (state === "Cancelled") return { text: "cancelled", tone: "bad" };
  if (isEnding(container)) return { text: "cancelling", tone: "bad" };
  if (state === "Running") return { text: "running", tone: "live" };
  if (state === "Locked") return { text: "starting", tone: "live" };
  return { text: priority === 0 ? "held" : "queued", tone: "quiet" };
}

/** Whether somebody wants it to end, and it has not yet. */
export function isEnding(container: Container): boolean {
  return !isFinal(container) && container.isCancelled;
}

/** "12 s", "priority 5", "laptop", "attempt 2". */
export function factsOf(container: Container, nowMs: number): string {
  const { dispatcher, attempt, progress } = container;
  return [
    timeOf(container, nowMs),
    progress === null || isFinal(container) ? "" : `${Math.floor(progress * 100)} %`,
    isFinal(container) ? "" : `priority ${container.priority}`,
    dispatcher === null ? "" : `on ${dispatcher}`,
    attempt > 1 ? `attempt ${attempt}` : "",
  ]
    .filter((fact) => fact !== "")
    .join(" \u00b7 ");
}

export function sentenceOfContainer(container: Container): string {
  const { state, dispatcher, exitCode, reason, log } = container;
  const why = reason === null ? "" : ` (${reason})`;
  if (state === "Complete") return `It ended with exit status ${exitCode ?? "unknown"}${why}.`;
  if (state === "Cancelled") {
    return `It was cancelled${why}.${log === null ? " It has no log." : ""}`;
  }
  if (isEnding(container)) return "It is being cancelled.";
  if (state === "Running") return `It runs on ${dispatcher ?? "a dispatcher"}.`;
  if (state === "Locked") return `It is about to start on ${dispatcher ?? "a dispatcher"}.`;
  return container.priority === 0
    ? "It is held: its priority is 0."
    : "It waits for a dispatcher. Its log begins when it runs.";
}

/** Running ones first, each group's newest first; those that wait as they will be taken. */
export function byUrgency(one: Container, other: Container): number {
  const rank = RANKS[one.state] - RANKS[other.state];
  if (rank !== 0) return rank;
  const order =
    one.state === "Queued"
      ? other.priority - one.priority || one.createdUs - other.createdUs
      : momentOf(other) - momentOf(one);
  return order || (one.id < other.id ? -1 : Number(one.id > other.id));
}

function momentOf({ finishedUs, startedUs, createdUs }: Container): number {
  return finishedUs ?? startedUs ?? createdUs;
}

function timeOf(container: Container, nowMs: number): string {
  const { startedUs, finishedUs, createdUs } = container;
  const until = finishedUs ?? nowMs * 1_000;
  if (startedUs !== null) return shownDuration(until - startedUs);
  return isFinal(container) ? "never ran" : `waits ${shownDuration(until - createdUs)}`;
}
