import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

interface CodedError { readonly code: string, readonly statusCode?: number }

/**
 * Asserts that the errors table of a README (`| code | status | meaning |`) has exactly the errors of `errors.ts`, with
 * their status codes.
 * @param readme path of the README from the root of the repository
 */
export function errorsTableEquals (t: Test, readme: string, errors: Readonly<Record<string, unknown>>): void {
  const text = readFileSync(fileURLToPath(new URL(`../../${readme}`, import.meta.url)), 'utf8')
  const documented = [...text.matchAll(/^\| `(SALLYPORT_[A-Z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => `${code} ${status}`)
  const made = Object.values(errors).map(value => {
    const { code, statusCode } = new (value as new () => CodedError)()
    return `${code} ${statusCode}`
  })
  t.same(documented.toSorted(), made.toSorted(), `the errors table of ${readme} is what errors.ts has`)
}

interface ErrorClass { new (...values: never[]): { readonly code: string, readonly statusCode?: number } }

/** The errors table of a README and the errors of the code say the same: no code without a row, no row without a code. */
export function sameErrorsTable (t: Test, readme: URL, errors: Readonly<Record<string, unknown>>): void {
  const rows = [...readFileSync(readme, 'utf8').matchAll(/^\| `(SALLYPORT_\w+)` \| (\d{3}|boot) \|/gm)].map(([, code, status]) => `${code} ${status}`)
  const classes = Object.values(errors).filter((value): value is ErrorClass => typeof value === 'function' && /^SALLYPORT_/.test(new (value as ErrorClass)().code))
  const codes = classes.map(Class => new Class()).map(({ code, statusCode }) => `${code} ${statusCode}`)
  t.same(rows.sort(), codes.sort())
  t.not(codes.length, 0)
}
