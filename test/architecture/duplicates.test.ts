// A block that stands in two places is found, whatever its layout and comments; what is only written alike is not.
import t from 'tap'
import { duplicatedBlocks } from '../support/duplicates.ts'
import { readSources } from '../support/packages.ts'

const BLOCK = `
  const wanted = given.filter(each => each.kind === 'grant' && !seen.has(each.id))
  for (const { id, scopes } of wanted) {
    if (scopes.length === 0) throw new Error(\`grant \${id} has no scope\`)
    seen.add(id)
    total += scopes.map(scope => scope.replace(/[a-z]+:/, '')).length
  }
`
const COPY = BLOCK.replaceAll('\n', '\n\n  // the same\n').replaceAll('  ', '\t')

t.test('a planted duplicate is found once, with both its places', async t => {
  const sources = new Map([
    ['one.ts', `import a from 'a'\nexport function one(given) {${BLOCK}}\n`],
    ['two.ts', `import a from 'a'\n\n\nconst x = 1\nfunction two() {\nlet total = x\n${COPY}}\n`]
  ])
  const found = duplicatedBlocks(sources, 60)
  t.equal(found.length, 1)
  t.match(found[0], { first: { file: 'one.ts', line: 3 }, second: { file: 'two.ts' } })
  t.ok((found[0]?.tokens ?? 0) > 60)
})

t.test('it is found in one file too', async t => {
  const found = duplicatedBlocks(new Map([['one.ts', `function a() {${BLOCK}}\nfunction b() {${BLOCK}}`]]), 60)
  t.match(found, [{ first: { file: 'one.ts', line: 1 }, second: { file: 'one.ts', line: 9 } }])
})

t.test('a shorter run, another name in the middle and equal imports are none', async t => {
  const imports = Array.from({ length: 30 }, (_, index) => `import { a${index}, b${index} } from './m${index}.ts'`)
  const changed = BLOCK.replace('scopes.length === 0', 'scopes.size === 0')
  const sources = new Map([
    ['one.ts', `${imports.join('\n')}\nfunction one() {${BLOCK}}`],
    ['two.ts', `${imports.join('\n')}\nfunction two() {${changed}}`]
  ])
  t.same(duplicatedBlocks(sources, 60), [])
})

t.test('a duplicate planted in the sources fails the check, and its end is the end of the file', async t => {
  const [file = '', text = ''] =
    [...readSources()].find(([name]) => name.endsWith('plugins/metrics/src/security-events.ts')) ?? []
  const [found] = duplicatedBlocks(
    new Map([
      [file, text],
      ['copy.ts', text],
      ['other.ts', 'const next = 1']
    ]),
    60
  )
  t.match(found, { first: { file }, second: { file: 'copy.ts' } })
})
