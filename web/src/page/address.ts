/**
 * What the page's address says: what is shown, and, once, who is looking.
 *
 * Everything is in the fragment, which browsers send to nobody. A link may carry a token there
 * (`#user=alice&token=...&log=job-17`), so that one click is enough; it must not stay, where a
 * screenshot, the history or a copied address would give it away.
 */

/** A log beside the list of logs, or a container beside the list of containers. */
export interface Place {
  readonly view: "logs" | "containers";
  /** The log, or the container; null: the list alone. */
  readonly id: string | null;
}

export interface Address extends Place {
  readonly user: string | null;
  readonly token: string | null;
}

/** Reads a fragment, with or without its `#`. What is empty counts as missing. */
export function parseFragment(fragment: string): Address {
  // A token may contain "+", which a query string would read as a blank.
  const text = fragment.replace(/^#/, "").replaceAll("+", "%2B");
  const values = new URLSearchParams(text);
  const get = (name: string): string | null => values.get(name)?.trim() || null;
  const container = get("container");
  const isOfContainers = container !== null || values.has("containers");
  return {
    user: get("user"),
    token: get("token"),
    view: isOfContainers ? "containers" : "logs",
    id: isOfContainers ? container : get("log"),
  };
}

/** The fragment that shows this and says no more. */
export function fragmentOf({ view, id }: Place): string {
  if (view === "containers") return id === null ? "#containers" : fragmentOfContainer(id);
  return id === null ? "" : fragmentOfLog(id);
}

export function fragmentOfLog(stream: string): string {
  return `#log=${encodeURIComponent(stream)}`;
}

export function fragmentOfContainer(id: string): string {
  return `#container=${encodeURIComponent(id)}`;
}
