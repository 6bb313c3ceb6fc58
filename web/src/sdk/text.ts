/**
 * The text of a record: a string, or bytes.
 *
 * What a container prints need not be text. What is not valid UTF-8, or begins with U+0000, comes
 * in WAMP's own way of writing binary in JSON: a string of U+0000 and base64. No other string
 * begins with U+0000, so the first character decides.
 */

export type Text = string | Uint8Array;

const NUL = 0;

/**
 * The record's text as it was printed: a string where it was valid UTF-8, else its bytes.
 *
 * A U+0000 that no base64 follows is not ours; it is handed on as it came rather than lost.
 */
export function decodeText(wire: string): Text {
  // NaN for the empty string, which is a line like any other.
  if (wire.charCodeAt(0) !== NUL) return wire;
  let binary: string;
  try {
    binary = atob(wire.slice(1));
  } catch {
    return wire;
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
