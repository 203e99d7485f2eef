import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const page = new URL('../../docs/standards.md', import.meta.url)

/** What the page claims, as test file and title. */
function claimsOf(text: string): Array<{ file: string; title: string }> {
  return [...text.matchAll(/^\|.*\| \[[\w-]+\]\((\.\.\/test\/[^)]+)\): (.*) \|$/gm)].map(
    ([, file = '', title = '']) => ({ file, title })
  )
}

function mistakesOf(text: string): string[] {
  return claimsOf(text).flatMap(({ file, title }) => {
    const path = fileURLToPath(new URL(file, page))
    if (!existsSync(path)) return [`${file} does not exist`]
    const source = readFileSync(path, 'utf8')
    const titles = [...source.matchAll(/\.test\(\s*(['"`])(.*?)(?<!\\)\1,/g)].map(([, , found = '']) =>
      found.replaceAll("\\'", "'")
    )
    return titles.some(
      found => found === title || found.startsWith(`${title}:`) || (title.length > 20 && found.startsWith(title))
    )
      ? []
      : [`${file} has no test ${title}`]
  })
}

t.test('every row of docs/standards.md names a test that exists', async t => {
  const text = readFileSync(page, 'utf8')
  const rows = text.split('\n').filter(line => /^\| [\d.]/.test(line)).length
  t.equal(claimsOf(text).length, rows, 'each row has a test')
  t.ok(rows > 40)
  t.strictSame(mistakesOf(text), [])
  t.strictSame(
    mistakesOf(
      '| 1 | x | [authorize](../test/auth-server/authorize.test.ts): O-99: no such test |\n| 2 | x | [nothing](../test/nothing.test.ts): x |'
    ).length,
    2,
    'the check can fail'
  )
})
