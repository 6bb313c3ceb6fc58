/**
 * How long to wait before the next attempt to connect.
 *
 * The ceiling doubles with each failure and the wait is drawn evenly from its upper half: when a
 * router with a thousand open pages comes back, they arrive spread out and not in one instant,
 * and yet nobody waits for nothing at all.
 */

/** The first ceiling: a restarted server is ready in under 1.5 s. */
export const FIRST_DELAY_MS = 500;
/** The last ceiling: longer than this and a person reloads the page anyway. */
export const LAST_DELAY_MS = 15_000;

/**
 * The wait before attempt number `failures` + 1, in milliseconds.
 *
 * @param failures how many attempts in a row have failed; 0 right after a session was lost
 * @param random   a number in [0, 1), an argument so that tests can choose it
 */
export function delayBeforeAttempt(failures: number, random: number): number {
  const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 30));
  return Math.round(ceiling / 2 + (random * ceiling) / 2);
}
