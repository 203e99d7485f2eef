/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
import t from 'tap'
import { FOLDER, mistakesIn, PLAIN, readText, sourcesOf, withRoute } from './support/read.ts'

const setting = (value: string): string => withRoute(`${PLAIN}\nrequestHeaders: { set: { x-key: ${value} } }`)
const valueOf = (value: string, sources = sourcesOf()): string | undefined =>
  readText(setting(value), sources).table?.routes[0]?.requestHeaders?.set?.['x-key']

t.test('${NAME} is a variable of the environment, anywhere in a text', async t => {
  const sources = sourcesOf({ A: 'one', B: 'two' })
  t.equal(valueOf("'${A}'", sources), 'one')
  t.equal(valueOf("'${A}-${B}'", sources), 'one-two')
  t.equal(valueOf("'$${A} $A $'", sources), '${A} $A $')
})

t.test('file: is the content of a file, without its last line break', async t => {
  const sources = sourcesOf({ WHICH: 'key' }, { [`${FOLDER}/key`]: 'one\n', '/run/key': 'two\r\n' })
  t.equal(valueOf('file:key', sources), 'one')
  t.equal(valueOf("'file:${WHICH}'", sources), 'one')
  t.equal(valueOf('file:/run/key', sources), 'two')
  t.equal(valueOf('profile:key', sources), 'profile:key')
})

t.test('G-21: a value of a reference stays one text, whatever is in it', async t => {
  for (const value of [
    'a: [b',
    '{"a":1}',
    '*b',
    '- x',
    '${A}',
    'file:/run/key',
    '#',
    '"',
    "'",
    '!!str a',
    '&a b',
    '| x'
  ]) {
    t.equal(valueOf("'${V}'", sourcesOf({ V: value, A: 'no' }, { '/run/key': 'no' })), value)
    t.equal(valueOf('file:/v', sourcesOf({ A: 'no' }, { '/v': value, '/run/key': 'no' })), value)
  }
})

t.test('a reference to nothing is a mistake at its place', async t => {
  t.same(mistakesIn(setting("'${GONE}'")), ['9:37 x-key: the environment has no GONE'])
  t.same(mistakesIn(setting('file:gone')), ['9:37 x-key: the file of file:gone cannot be read, or is too long'])
  t.same(mistakesIn(setting("'${}'")), ['9:37 x-key: a reference is ${NAME}; write $${ for ${'])
  t.same(mistakesIn(setting("'${A'")), ['9:37 x-key: a reference is ${NAME}; write $${ for ${'])
  t.same(mistakesIn(setting("'${A:-b}'")), ['9:37 x-key: a reference is ${NAME}; write $${ for ${'])
  const long = sourcesOf({}, { '/v': 'x'.repeat(300_000) })
  t.same(mistakesIn(setting('file:/v'), long), ['9:37 x-key: the file of file:/v cannot be read, or is too long'])
})

t.test('G-21: the value of a reference is in no message', async t => {
  const secret = 'hunter2\u0007'
  const sources = sourcesOf({ SECRET: secret }, { '/run/secret': secret })
  const all = [
    ...mistakesIn(setting("'${SECRET}'"), sources),
    ...mistakesIn(setting('file:/run/secret'), sources),
    ...mistakesIn("upstreams: { a: { origin: '${SECRET}' } }\nroutes: []", sources),
    ...mistakesIn(withRoute(`${PLAIN}\nhosts: ['\${SECRET}', '\${SECRET}']`), sourcesOf({ SECRET: 'hunter2' }))
  ]
  t.equal(all.length, 4)
  t.notMatch(all.join('\n'), 'hunter2')
})

t.test('what decides who may pass takes no references', async t => {
  const sources = sourcesOf({ V: 'public', N: '1' })
  const lines = ['access: ${V}', 'forward: none', 'maxBodyBytes: ${N}', 'rewrite: /${V}', 'strategies: ["${V}"]']
  t.same(mistakesIn(withRoute(lines.join('\n')), sources), [
    '7:13 access takes no reference; it must be public, authenticated, or an object with scopes, roles or both',
    '9:19 maxBodyBytes takes no reference; it must be a whole number from 1',
    '10:14 rewrite takes no reference; it must be a path',
    '11:18 each of strategies takes no reference; it must be the name of a strategy'
  ])
  t.match(mistakesIn('"${V}": {}\nupstreams: { "${V}": { origin: "https://a.example" } }\nroutes: []', sources), [
    /^1:1 "\$\{V\}" is not known here/,
    /^2:14 "\$\{V\}" must be a name/
  ])
})
