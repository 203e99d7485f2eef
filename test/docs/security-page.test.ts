import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/packages.ts'
import { securityPage, testsByStatement } from '../support/security-page.ts'
import { STATEMENTS } from '../support/statements.ts'

t.test('docs/security.md says what the tests say; npm run statements writes it', async t => {
  t.equal(readFileSync(join(ROOT, 'docs/security.md'), 'utf8'), securityPage())
})

t.test('no test names a statement that does not exist', async t => {
  const known = new Set(
    Object.values(STATEMENTS)
      .flat()
      .map(({ id }) => id)
  )
  t.strictSame(
    [...testsByStatement().keys()].filter(id => !known.has(id)),
    []
  )
})
