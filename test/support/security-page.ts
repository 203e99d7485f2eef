import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './packages.ts'
import { STATEMENTS } from './statements.ts'

const PREAMBLE = readFileSync(new URL('security-page.preamble.md', import.meta.url), 'utf8')

/** The page `docs/security.md`: each statement with the tests whose titles name it. */
export function securityPage(): string {
  const tests = testsByStatement()
  const sections = Object.entries(STATEMENTS).map(([area, statements]) =>
    [
      `## ${area}`,
      '',
      '| | holds | source | shown by |',
      '|---|---|---|---|',
      ...statements.map(
        ({ id, text, source }) =>
          `| ${id} | ${text} | ${source} | ${
            [...(tests.get(id) ?? [])]
              .sort()
              .map(file => `[${file.replace(/^test\/|\.(?:test|drill)\.ts$/g, '')}](../${file})`)
              .join(', ') || '**no test yet**'
          } |`
      )
    ].join('\n')
  )
  return `${PREAMBLE}\n${sections.join('\n\n')}\n`
}

/** What looks like the id of a statement. */
const ID_LIKE = /^[A-Z]-?\d{1,2}$/

/** Ids at the beginning of a title that no page lists: a reader could not look them up. */
export function unlistedIds(text: string): string[] {
  const listed = new Set(
    Object.values(STATEMENTS)
      .flat()
      .map(({ id }) => id)
  )
  return [...text.matchAll(/\btest\(\s*['"`]([^:'"`]+):/g)]
    .flatMap(([, title = '']) => title.split(',').map(part => part.trim()))
    .filter(id => ID_LIKE.test(id) && !listed.has(id))
}

/** Statement id → the test files with a title that begins with it (also several: "O-18, O-19: …"). */
function testsByStatement(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const file of readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(?:test|drill)\.ts$/.test(file)) continue
    for (const [, title = ''] of readFileSync(join(ROOT, 'test', file), 'utf8').matchAll(
      /\btest\(\s*['"`]([^:'"`]+):/g
    )) {
      for (const [id] of title.matchAll(/\b(?:[OGST]-|[VZAP])\d{1,2}\b/g)) {
        const files = found.get(id) ?? new Set()
        found.set(id, files.add(join('test', file)))
      }
    }
  }
  return found
}
