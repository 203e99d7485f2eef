import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/packages.ts'

interface Term {
  readonly term: string
  readonly name: string
  readonly path: string
}

const TERMS_THAT_NEED_ONE_MEANING = ['session', 'open', 'stage', 'principal', 'subject', 'source', 'hop', 'family']

/** The rows of the glossary: a term, and what the last column says defines it. */
function termsOf(page: string): Term[] {
  return [...page.matchAll(/^\| ([^|]+) \|.*\| \[`([^`]+)`\]\(([^)]+)\) \|$/gm)].map(
    ([, term = '', name = '', path = '']) => ({ term, name, path })
  )
}

function mistakesOf(page: string): string[] {
  return termsOf(page).flatMap(({ term, name, path }) => {
    const file = join(ROOT, 'docs', path)
    if (!existsSync(file)) return [`${term}: ${path} does not exist`]
    if (file.endsWith(`/${name}`) || new RegExp(`\\b${name}\\b`).test(readFileSync(file, 'utf8'))) return []
    return [`${term}: ${path} has no ${name}`]
  })
}

t.test('every term of the glossary names the file that defines it, and the file still does', async t => {
  const page = readFileSync(join(ROOT, 'docs/glossary.md'), 'utf8')
  const rows = page.split('\n').filter(line => line.startsWith('| ') && !line.startsWith('| term |')).length
  t.equal(termsOf(page).length, rows, 'each row has a definition')
  t.strictSame(mistakesOf(page), [])
  const terms = termsOf(page).map(({ term }) => term)
  for (const term of TERMS_THAT_NEED_ONE_MEANING) t.ok(terms.includes(term), term)
  t.equal(terms.length, new Set(terms).size, 'no term is there twice')
})

t.test('a term whose file or name is gone is found', async t => {
  t.match(mistakesOf('| one | x | [`Principal`](../plugins/none.ts) |'), [/^one: .* does not exist$/])
  t.match(mistakesOf('| two | x | [`Nobody`](../plugins/security-context/src/principal.ts) |'), [/ has no Nobody$/])
})
