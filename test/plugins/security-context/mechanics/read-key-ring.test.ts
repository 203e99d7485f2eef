import { randomBytes } from 'node:crypto'
import t from 'tap'
import { readKeyRing } from '@sallyport/security-context/mechanics'

const random = (bytes = 32): string => randomBytes(bytes).toString('base64url')

t.test('entries are read newest first, with any white space between them', t => {
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const text = `\n 2026-11:${one.toString('base64url')}\t\n old:${two.toString('base64url')}\n`
  t.strictSame(readKeyRing(text, 'key'), {
    keys: [
      { id: '2026-11', key: one },
      { id: 'old', key: two }
    ],
    mistakes: []
  })
  t.end()
})

t.test('a secret that is text is taken as it stands', t => {
  const text = `pass+phrase=${'ü'.repeat(32)}`
  t.strictSame(readKeyRing(`p1:${text}`, 'pepper', 'text').keys, [{ id: 'p1', key: Buffer.from(text) }])
  t.same(readKeyRing(`p1:${'x'.repeat(31)}`, 'pepper', 'text').mistakes, [
    'pepper 1 is not id:secret with 32 characters or more'
  ])
  t.same(readKeyRing(`p1:${'x'.repeat(32)}`, 'pepper', 'text').mistakes, ['pepper 1 is not random'])
  t.end()
})

// A canonical last character ends in two zero bits; `B` is the second spelling of `A`.
const strayBits = `${random().slice(0, 42)}B`

for (const [what, entry] of [
  ['no id', random()],
  ['an empty id', `:${random()}`],
  ['an id of 33 characters', `${'a'.repeat(33)}:${random()}`],
  ['an id with a dot', `a.b:${random()}`],
  ['an id with an underscore', `a_b:${random()}`],
  ['an id with a letter outside ASCII', `ä:${random()}`],
  ['no key', 'a:'],
  ['31 bytes', `a:${random(31)}`],
  ['33 bytes', `a:${random(33)}`],
  ['padding', `a:${random()}=`],
  ['the other alphabet', `a:${'+/'.repeat(21)}8`],
  ['stray bits at the end', `a:${strayBits}`],
  ['a second colon', `a:${random()}:b`]
] as const) {
  t.test(`an entry with ${what} is refused, by its place and without what is in it`, t => {
    const { keys, mistakes } = readKeyRing(`good:${random()} ${entry} x:short`, 'sealing key')
    t.same(mistakes, ['sealing key 2 is not id:base64url of 32 bytes', 'sealing key 3 is not id:base64url of 32 bytes'])
    t.same(
      keys.map(({ id }) => id),
      ['good']
    )
    t.end()
  })
}

t.test('an id that comes twice, and a key of one repeated byte, are refused', t => {
  const text = `a:${random()} a:${random()} b:${'A'.repeat(43)} c:${Buffer.alloc(32, 7).toString('base64url')}`
  t.same(readKeyRing(text, 'key').mistakes, [
    'key 2 has the id of another',
    'key 3 is not random',
    'key 4 is not random'
  ])
  t.end()
})

t.test('a ring without an entry is a mistake', t => {
  t.same(readKeyRing(' \n', 'sealing key').mistakes, ['there are no sealing keys'])
  t.end()
})
