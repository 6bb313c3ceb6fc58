/**
 * The dicts of the record service, checked and in TypeScript's words.
 *
 * Unknown keys are ignored, as the service may grow; a known key of a wrong shape is an
 * `Unreadable`.
 */

import { integer, isDict, string, Unreadable, type Dict } from "./wire.ts";

/** A record at one version. Times are microseconds since 1970. */
export interface RecordEntry {
  readonly id: string;
  readonly kind: string;
  readonly owner: string;
  readonly object: string;
  readonly version: number;
  readonly createdUs: number;
  readonly changedUs: number;
  readonly state: Dict;
}

/** How the set of the records that one wants, and may read, is different. */
export type RecordChange =
  | { readonly change: "added" | "changed"; readonly entry: RecordEntry }
  /** It is gone, no longer matches, or may not be read any more; only where it was deleted one is told what it was. */
  | {
      readonly change: "removed";
      readonly id: string;
      readonly isDeleted: boolean;
      readonly state: Dict | null;
    };

/** Why what was known is void: the store was replaced, it is too old, or rights have changed. */
export type ResetReason = "epoch" | "too_old" | "permissions";

/** Everything that one dict of a watch said. */
export interface WatchNews {
  readonly changes: readonly RecordChange[];
  /** The number of the watch in its session: in the first dict. */
  readonly watch: number | null;
  readonly bookmark: string | null;
  readonly mark: string | null;
  readonly reset: ResetReason | null;
}

export function parseWatchNews(dict: Dict): WatchNews {
  const { changes, reset } = dict;
  if (changes !== undefined && !Array.isArray(changes)) {
    throw new Unreadable("changes that are not a list");
  }
  return {
    changes: (changes ?? []).map(parseChange),
    watch: dict["watch"] === undefined ? null : integer(dict, "watch"),
    bookmark: string(dict["bookmark"]) || null,
    mark: string(dict["mark"]) || null,
    reset: isDict(reset) ? (string(reset["reason"]) as ResetReason) : null,
  };
}

export function parseEntry(value: unknown): RecordEntry {
  if (!isDict(value)) throw new Unreadable("a record that is not a dict");
  const id = string(value["id"]);
  const { state } = value;
  if (id === "" || !isDict(state)) throw new Unreadable(`record '${id}' of a wrong shape`);
  return {
    id,
    kind: string(value["kind"]),
    owner: string(value["owner"]),
    object: string(value["object"]),
    version: integer(value, "version"),
    createdUs: integer(value, "created_us"),
    changedUs: integer(value, "changed_us"),
    state,
  };
}

function parseChange(value: unknown): RecordChange {
  const change = isDict(value) ? value["change"] : undefined;
  if (!isDict(value) || typeof change !== "string") throw new Unreadable("a change that is none");
  if (change === "added" || change === "changed") return { change, entry: parseEntry(value) };
  const { state } = value;
  const id = string(value["id"]);
  if (change !== "removed" || id === "") throw new Unreadable(`a change '${change}' of '${id}'`);
  const isDeleted = value["deleted"] === true;
  return { change, id, isDeleted, state: isDict(state) ? state : null };
}
