/**
 * Containers: what one reads in their records, and the procedures of who has commands run.
 *
 * Those of dispatchers (take, lock, start, finish ...) are not here: no browser is one.
 */

import type { Caller } from "./connection.ts";
import type { RecordEntry } from "./records.ts";
import { integer, isDict, string, type Dict } from "./wire.ts";

export type ContainerState = "Queued" | "Locked" | "Running" | "Complete" | "Cancelled";

/** A container. Times are microseconds since 1970. */
export interface Container {
  readonly id: string;
  readonly createdUs: number;
  readonly state: ContainerState;
  readonly priority: number;
  readonly command: readonly string[];
  readonly name: string;
  /** Who has it; null while nobody does. */
  readonly dispatcher: string | null;
  readonly startedUs: number | null;
  readonly finishedUs: number | null;
  readonly exitCode: number | null;
  readonly reason: string | null;
  /** From 0 to 1, where the command tells. */
  readonly progress: number | null;
  /** The stream of its log; null until it begins. */
  readonly log: string | null;
  /** Somebody wants it to end. */
  readonly isCancelled: boolean;
  readonly attempt: number;
}

/** What is to be run, and how urgent it is. */
export interface ContainerOptions {
  readonly id?: string;
  readonly name?: string;
  readonly project?: string;
  readonly object?: string;
  /** Higher ones first; 0 holds it. */
  readonly priority?: number;
  readonly constraints?: Readonly<Record<string, number>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** With the same key the same container is answered, however often it is asked for. */
  readonly key?: string;
}

export interface RequestOptions extends ContainerOptions {
  /** So many containers it may have, one after the other, until one completes. */
  readonly attempts?: number;
  /** One that runs or ran the same will do. */
  readonly reuse?: boolean;
  /** The container that asks: its end ends this. */
  readonly parent?: string;
}

/** Reads the record of a container; what is left out counts as not there. */
export function parseContainer({ id, createdUs, state }: RecordEntry): Container {
  const holder = state["locked_by"];
  return {
    id,
    createdUs,
    state: string(state["state"]) as ContainerState,
    priority: integer(state, "priority"),
    command: Array.isArray(state["command"]) ? state["command"].map(String) : [],
    name: string(state["name"]),
    dispatcher: isDict(holder) ? string(holder["dispatcher"]) : null,
    startedUs: numberOf(state["started_us"]),
    finishedUs: numberOf(state["finished_us"]),
    exitCode: numberOf(state["exit_code"]),
    reason: string(state["reason"]) || null,
    progress: numberOf(state["progress"]),
    log: string(state["log"]) || null,
    isCancelled: isDict(state["cancel"]),
    attempt: numberOf(state["attempt"]) ?? 1,
  };
}

/** Has a command run; its container's id. */
export async function createContainer(
  caller: Caller,
  command: readonly string[],
  options: ContainerOptions = {},
): Promise<string> {
  const answer = await caller.call("fairlead.container.create", { command, ...options });
  return string(answer["id"]);
}

/** Requests that a command is run, as one container after the other or as one that is there. */
export async function requestContainer(
  caller: Caller,
  command: readonly string[],
  options: RequestOptions = {},
): Promise<{ readonly request: string; readonly container: string }> {
  const answer = await caller.call("fairlead.container.request", { command, ...options });
  return { request: string(answer["request"]), container: string(answer["container"]) };
}

/** Ends a container, or a request: at once if it waits, else by its dispatcher. */
export async function cancelContainer(caller: Caller, id: string, reason?: string): Promise<void> {
  await caller.call("fairlead.container.cancel", {
    id,
    ...(reason === undefined ? {} : { reason }),
  });
}

/** Higher ones are taken first; 0 holds one that waits, and ends one that runs. */
export async function setContainerPriority(
  caller: Caller,
  id: string,
  priority: number,
): Promise<void> {
  await caller.call("fairlead.container.set_priority", { id, priority });
}

function numberOf(value: Dict[string]): number | null {
  return typeof value === "number" ? value : null;
}
