/**
 * What the page's address says: which log is shown, and, once, who is looking.
 *
 * Everything is in the fragment, which browsers send to nobody. A link may carry a token there
 * (`#user=alice&token=...&log=job-17`), so that one click is enough; it must not stay, where a
 * screenshot, the history or a copied address would give it away.
 */

export interface Address {
  readonly user: string | null;
  readonly token: string | null;
  readonly log: string | null;
}

/** Reads a fragment, with or without its `#`. What is empty counts as missing. */
export function parseFragment(fragment: string): Address {
  // A token may contain "+", which a query string would read as a blank.
  const text = fragment.replace(/^#/, "").replaceAll("+", "%2B");
  const values = new URLSearchParams(text);
  const get = (name: string): string | null => values.get(name)?.trim() || null;
  return { user: get("user"), token: get("token"), log: get("log") };
}

/** The fragment that shows this log and says no more; empty for none. */
export function fragmentOf(log: string | null): string {
  return log === null ? "" : `#log=${encodeURIComponent(log)}`;
}
