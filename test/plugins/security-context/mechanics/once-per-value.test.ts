import { oncePerValue } from '@sallyport/security-context/mechanics'
import t from 'tap'

t.test('something is made once for each value, and a failure is not kept', t => {
  let value = 'first'
  const made: string[] = []
  const ring = oncePerValue(
    () => value,
    text => {
      made.push(text)
      if (text === 'wrong') throw new Error('wrong')
      return { text }
    }
  )
  t.equal(ring(), ring())
  value = 'second'
  t.equal(ring().text, 'second')
  value = 'wrong'
  t.throws(ring)
  t.throws(ring)
  value = 'second'
  t.equal(ring().text, 'second', 'what was made last is still good')
  value = 'first'
  t.equal(ring().text, 'first')
  t.strictSame(made, ['first', 'second', 'wrong', 'wrong', 'first'])
  t.end()
})
