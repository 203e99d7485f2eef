import { isSameText } from '@sallyport/security-context/mechanics'
import t from 'tap'

t.test('texts are the same with the same bytes, and not with the same beginning, length or look', async t => {
  t.ok(isSameText('a secret', 'a secret'))
  t.ok(isSameText('', ''))
  for (const other of ['a secreT', 'a secret ', 'a secre', '', 'а secret']) {
    t.notOk(isSameText('a secret', other), other)
  }
  t.notOk(isSameText('\u00e9', 'e\u0301'), 'written in another way')
})
