/**
 * Who is looking: kept in this tab's sessionStorage, so that a reload asks nothing, a new tab does.
 *
 * `localStorage` would outlive the visit, a cookie would be sent along; both are wrong for a token.
 */

export type Credentials = { readonly user: string; readonly token: string } | "anonymous";

const KEY = "fairlead.credentials";

export function loadCredentials(): Credentials | null {
  const stored = sessionStorage.getItem(KEY);
  if (stored === null) return null;
  if (stored === "anonymous") return "anonymous";
  try {
    const { user, token } = JSON.parse(stored) as Record<string, unknown>;
    return typeof user === "string" && typeof token === "string" ? { user, token } : null;
  } catch {
    return null;
  }
}

export function keepCredentials(credentials: Credentials): void {
  const text = credentials === "anonymous" ? credentials : JSON.stringify(credentials);
  sessionStorage.setItem(KEY, text);
}

export function forgetCredentials(): void {
  sessionStorage.removeItem(KEY);
}
