/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
import fc from 'fast-check'
import t from 'tap'
import { readText, sourcesOf, withRoute, PLAIN } from './support/read.ts'

const RUNS = { numRuns: 300 }
const sources = sourcesOf({ A: '{x: [' }, { '/f': 'a' })

/** Pieces of documents: what the grammar and the schema know, and what they do not. */
const piece = fc.oneof(
  fc.constantFrom(
    ...['upstreams:', 'routes:', 'path:', '/orders/*', 'access:', 'public', '{', '}', '[', ']', ',', ': ', '- ', '? '],
    ...[
      '\n',
      '\n  ',
      '\n    ',
      '\t',
      '"',
      "'",
      '&a ',
      '*a',
      '!t ',
      '|\n',
      '>-\n',
      '#',
      '---\n',
      '...\n',
      '%YAML 1.2\n'
    ],
    ...['${A}', '${', 'file:/f', 'file:', '<<: ', '__proto__: ', 'constructor: ', '\uFEFF', '\0', '\\u', '~', '.nan']
  ),
  fc.string({ maxLength: 5 }),
  fc.integer().map(String)
)
const soup = fc.array(piece, { maxLength: 40 }).map(pieces => pieces.join(''))
const valid = withRoute(`${PLAIN}\ncors: { origins: ['https://a.example'] }\nrequestHeaders: { set: { x: '\${A}' } }`)
const damaged = fc
  .tuple(fc.nat(valid.length), fc.nat(6), fc.array(piece, { maxLength: 3 }))
  .map(([at, gone, pieces]) => `${valid.slice(0, at)}${pieces.join('')}${valid.slice(at + gone)}`)
const json = fc.json({ maxDepth: 6 })

t.test('any text is a table, or mistakes whose places are in the text', async t => {
  fc.assert(
    fc.property(fc.oneof(soup, damaged, json), text => {
      const { table, mistakes } = readText(text, sources)
      if ((table === null) !== mistakes.length > 0) return false
      const lines = text.split('\n')
      return mistakes.every(({ line, column, message }) => {
        const length = lines[line - 1]?.length
        return message !== '' && length !== undefined && column >= 1 && column <= length + 1
      })
    }),
    RUNS
  )
  t.pass()
})

t.test('any text that a reference stands for stays that text', async t => {
  const text = withRoute(`${PLAIN}\nrequestHeaders:\n  set:\n    x: \${A}\n    y: file:/f`)
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), value => {
      const { table, mistakes } = readText(text, sourcesOf({ A: value }, { '/f': value }))
      const set = table?.routes[0]?.requestHeaders?.set
      if (set === undefined) return mistakes.every(mistake => mistake.message.includes('header value'))
      return set.x === value && Object.keys(set).length === 2
    }),
    RUNS
  )
  t.pass()
})
