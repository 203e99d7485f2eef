import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

interface CodedError {
  readonly code: string
  readonly statusCode?: number
}

/**
 * Asserts that the errors table of a README (`| code | status | meaning |`) has exactly the errors of `errors.ts`, with
 * their status codes.
 * @param readme path of the README from the root of the repository
 */
export function errorsTableEquals(t: Test, readme: string, errors: Readonly<Record<string, unknown>>): void {
  const text = readFileSync(fileURLToPath(new URL(`../../${readme}`, import.meta.url)), 'utf8')
  const documented = [...text.matchAll(/^\| `(SALLYPORT_[A-Z_]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => `${code} ${status}`
  )
  const made = Object.values(errors).map(value => {
    const { code, statusCode } = new (value as new () => CodedError)()
    return `${code} ${statusCode}`
  })
  t.same(documented.toSorted(), made.toSorted(), `the errors table of ${readme} is what errors.ts has`)
}
