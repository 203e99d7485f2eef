import t from 'tap'
import { targetMistake } from '../../../plugins/forwarding/src/canonical-path.ts'

t.test('G-04: a target that every parser reads the same passes', async t => {
  for (const target of [
    '/',
    '/orders',
    '/orders/',
    '/orders/1',
    '/orders/a-b_c.d~e',
    '/orders/a:b@c',
    '/orders/%C3%BC',
    '/orders/%20',
    '/orders/a%22b',
    '/orders?a=b',
    '/orders?a=/../%2e%2e/;//',
    '/orders?a?b',
    '/orders?',
    '/...',
    '/a/..b',
    "/a!$&'()*+,=b"
  ]) {
    t.equal(targetMistake(target), null, target)
  }
})

t.test('G-04: a target with more than one reading is refused, and says why', async t => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'dot-segment': ['/.', '/..', '/orders/..', '/orders/../audit', '/orders/./x'],
    'empty-segment': ['//', '//orders', '/orders//1', '/orders//'],
    'needless-or-ambiguous-encoding': [
      '/orders/%2e%2e/audit',
      '/orders/%2E',
      '/orders/.%2e',
      '/orders%2f..%2faudit',
      '/orders%2Faudit',
      '/orders%5caudit',
      '/orders%5Caudit',
      '/orders/%00',
      '/orders/a%00b',
      '/orders/%252e',
      '/orders/%25',
      '/%6frders',
      '/%61dmin',
      '/orders%3bx',
      '/orders%3f',
      '/orders%23',
      '/orders%0d%0a',
      '/orders%7f',
      '/orders/%5F',
      '/orders/%2D'
    ],
    'path-character': [
      '/orders;x=1',
      '/orders/;/1',
      '/orders\\1',
      '/orders/a|b',
      '/orders/a"b',
      '/orders/<a>',
      '/orders/a b',
      '/orders#x',
      '/orders/%',
      '/orders/%2',
      '/orders/%zz',
      '/orders/\x00',
      '/orders/ü',
      '/orders/{id}',
      '/orders/[1]',
      '/orders/a^b',
      '/orders/a`b'
    ],
    'encoding-not-utf-8': [
      '/orders/%c0%ae%c0%ae',
      '/orders/%ff',
      '/orders/%C3',
      '/orders/%e0%80%af',
      '/orders/%ed%a0%80'
    ],
    'not-origin-form': ['', '*', 'orders', 'http://evil.example/orders', 'https:/orders', '?a=b', '\\orders'],
    'query-character': ['/orders?a#b', '/orders?a b', '/orders?\x00', '/orders?ü', '/orders?a\r\nb', '/orders?\x7f']
  }
  for (const [reason, targets] of Object.entries(cases)) {
    for (const target of targets) t.equal(targetMistake(target), reason, JSON.stringify(target))
  }
})
