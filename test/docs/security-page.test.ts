import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/packages.ts'
import { securityPage, unlistedIds } from '../support/security-page.ts'

t.test('docs/security.md says what the tests say; npm run statements writes it', async t => {
  t.equal(readFileSync(join(ROOT, 'docs/security.md'), 'utf8'), securityPage())
})

const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter(name =>
  /\.(?:test|drill)\.ts$/.test(name)
)

t.test('the ids at the beginning of titles are those of statements that the page lists', async t => {
  for (const file of tests) t.strictSame(unlistedIds(readFileSync(join(ROOT, 'test', file), 'utf8')), [], file)
  // Of every form, also after one that is listed, and in a line of its own.
  const titled = (title: string, quote = "'"): string => ['test(\n', quote, title, ': what holds', quote].join('')
  t.strictSame(unlistedIds(titled('V01, B3') + titled('G-99', '`') + titled('X5', '"')), ['B3', 'G-99', 'X5'])
  t.strictSame(unlistedIds(titled('RFC 9457') + titled('S-04, CVE-2023-27495') + titled('ES256')), [])
})

t.test('attacks that have a name are written alike in the names of files', async t => {
  t.strictSame(
    tests.filter(
      name =>
        /cve-|ghsa-/i.test(name) && !/(?:^|\/)(?:CVE-\d{4}-\d+|GHSA-\w{4})-[a-z0-9-]+\.(?:test|drill)\.ts$/.test(name)
    ),
    []
  )
})
