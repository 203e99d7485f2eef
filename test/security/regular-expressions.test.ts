// What `npm run check:expressions` finds: an expression that a text can make slow, wherever it is written.
import t from 'tap'
import { expressionsIn, expressionsInSchema, findSlow } from '../support/regular-expressions.ts'

const findingsIn = (source: string): string[] =>
  findSlow(expressionsIn('planted.ts', source)).map(({ place, why }) => `${place} ${why}`)

t.test('the expression that froze a process with one URL is found, with the text that does it', async t => {
  const [finding, ...more] = findingsIn(String.raw`
    const QUERY = /[?&][^=&\s"]*%[^=&\s"]*=/g`)
  t.match(finding, /^planted\.ts:2 .*polynomial for /)
  t.strictSame(more, [])
})

t.test('literals, constructors, constants and the patterns of schemas are read', async t => {
  const slow = String.raw`^(a|a)*$`
  t.equal(
    findingsIn(`const x = /${slow}/; const y = new RegExp('${slow}'); const z = RegExp('${slow}', 'g')`).length,
    3
  )
  t.equal(findingsIn(`const SLOW = '${slow}'; export const schema = { pattern: SLOW }`).length, 1)
  t.equal(findingsIn(`Type.String({ pattern: '${slow}' })`).length, 1)
})

t.test('the patterns of a JSON Schema are read at any depth, names of members too', async t => {
  const slow = String.raw`^(a|a)*$`
  const schema = { properties: { a: { pattern: slow }, b: { items: { patternProperties: { [`${slow} `]: {} } } } } }
  t.strictSame(
    findSlow(expressionsInSchema('planted.schema.json', schema)).map(({ place }) => place),
    ['planted.schema.json#/properties/a/pattern', 'planted.schema.json#/properties/b/items/patternProperties']
  )
})

t.test('what is put together at run time cannot be checked, and is found for that', async t => {
  t.match(findingsIn('const x = new RegExp(names + suffix)')[0], 'put together at run time')
})

t.test('an expression that reads its text once passes', async t => {
  t.strictSame(findingsIn(String.raw`const x = [/^[\w-]{1,32}$/, /[^,}\]\s]*/y, new RegExp('ab+')]`), [])
})
