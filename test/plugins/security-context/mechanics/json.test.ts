import t from 'tap'
import { freezeJson, isJsonObject, ownMember, parseJson, parseJsonObject } from '@sallyport/security-context/mechanics'

const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

t.test('an object is parsed, from text and from bytes alike', t => {
  const text = '{"a":[1,{"b":"ü\\u0022}"}],"c":{"a":null}}'
  t.same(parseJsonObject(text), JSON.parse(text))
  t.same(parseJsonObject(Buffer.from(text)), JSON.parse(text))
  t.same(parseJsonObject(nested(32)), JSON.parse(nested(32)))
  t.end()
})

for (const [what, input] of [
  ['no JSON', '{"a":}'],
  ['an array', '[1]'],
  ['null', 'null'],
  ['a string', '"a"'],
  ['a member twice', '{"aud":"a","aud":"b"}'],
  ['a member twice, once with an escape', '{"\\u0061ud":"a","aud":"b"}'],
  ['a member twice further down', '{"a":[{"b":1,"b":2}]}'],
  ['33 levels', nested(33)],
  ['the prototype as a member', '{"__proto__":{"admin":true}}'],
  ['the prototype as a member further down, escaped', '{"a":{"\\u005f_proto__":1}}'],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a byte order mark', Buffer.from('\ufeff{}')],
  ['something behind the object', '{} {}']
] as const) {
  t.test(`${what} is no object`, t => {
    t.equal(parseJsonObject(input), null)
    t.end()
  })
}

t.test('other values are parsed as strictly, and refused without a word of the text', t => {
  t.same(parseJson('[{"a":1},2]'), [{ a: 1 }, 2])
  t.equal(parseJson('"__proto__"'), '__proto__')
  for (const text of ['secret', '[{"secret":1,"secret":2}]']) {
    try {
      parseJson(text)
      t.fail('must throw')
    } catch (error) {
      t.ok(error instanceof SyntaxError)
      t.notMatch(String(error), /secret/)
    }
  }
  t.end()
})

t.test("a member is the object's own, never an inherited one", t => {
  const object = parseJsonObject('{"a":1,"constructor":2}') ?? {}
  t.equal(ownMember(object, 'a'), 1)
  t.equal(ownMember(object, 'constructor'), 2)
  t.equal(ownMember({}, 'constructor'), undefined)
  t.equal(ownMember({}, '__proto__'), undefined)
  t.end()
})

t.test('a frozen value is frozen with everything below it', t => {
  const value = freezeJson({ a: [{ b: 1 }] })
  t.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0]))
  t.notOk(isJsonObject(value.a))
  t.end()
})
