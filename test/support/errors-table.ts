import { readFileSync } from 'node:fs'
import type { Test } from 'tap'

interface ErrorClass { new (...values: never[]): { readonly code: string, readonly statusCode?: number } }

/** The errors table of a README and the errors of the code say the same: no code without a row, no row without a code. */
export function sameErrorsTable (t: Test, readme: URL, errors: Readonly<Record<string, unknown>>): void {
  const rows = [...readFileSync(readme, 'utf8').matchAll(/^\| `(SALLYPORT_\w+)` \| (\d{3}|boot) \|/gm)].map(([, code, status]) => `${code} ${status}`)
  const classes = Object.values(errors).filter((value): value is ErrorClass => typeof value === 'function' && /^SALLYPORT_/.test(new (value as ErrorClass)().code))
  const codes = classes.map(Class => new Class()).map(({ code, statusCode }) => `${code} ${statusCode}`)
  t.same(rows.sort(), codes.sort())
  t.not(codes.length, 0)
}
