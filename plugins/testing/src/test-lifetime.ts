/**
 * What ends with a test: the `t` of tap and of `node:test`, or `{ after }` of `node:test`, Mocha and Vitest's
 * `afterAll`. The kit closes there what it has opened.
 */
export type TestLifetime =
  | { readonly after: (end: () => Promise<void>) => unknown }
  | { readonly teardown: (end: () => Promise<void>) => unknown }

/** Runs `end` when the test is over. */
export function whenTestEnds(t: TestLifetime, end: () => Promise<void>): void {
  if ('after' in t) t.after(end)
  else t.teardown(end)
}
