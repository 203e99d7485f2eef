import { defined } from '@sallyport/security-context/mechanics'
import t from 'tap'

t.test('only undefined is left out', async t => {
  const members: { a?: number | undefined; b: null; c: boolean; d: number; e: string } = {
    a: undefined,
    b: null,
    c: false,
    d: 0,
    e: ''
  }
  t.strictSame(defined(members), { b: null, c: false, d: 0, e: '' })
  t.strictSame(defined({ ...members, a: 1 }), { a: 1, b: null, c: false, d: 0, e: '' })
})
