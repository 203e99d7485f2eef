import fc from 'fast-check'
import t from 'tap'
import { isReturnPath } from '../../../../plugins/authentication/src/login/return-path.ts'
import { buildLoginApp, goThroughLogin } from '../../../support/login-app.ts'

const ORIGIN = 'https://shop.example'

/** Parts that redirects were led astray with. */
const PARTS = [
  '/',
  '//',
  '\\',
  '/\\',
  '\\/',
  '.',
  '..',
  '/.',
  '/..',
  '/.//',
  ';',
  '..;/',
  '@',
  '@@',
  ':',
  '?',
  '#',
  '%2f',
  '%5c',
  '%00',
  '%0d%0a',
  '\t',
  '\n',
  '\r',
  ' ',
  '\u00a0',
  '\u2028',
  'https:',
  'http:',
  'javascript:',
  'data:',
  'evil.example',
  'a',
  'ü',
  '/orders',
  '\ud800'
]

const hostile = fc.oneof(
  fc.array(fc.constantFrom(...PARTS), { maxLength: 8 }).map(parts => parts.join('')),
  fc.array(fc.constantFrom(...PARTS), { maxLength: 8 }).map(parts => `/${parts.join('')}`),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.webUrl()
)

t.test('S-13: whatever is accepted as a path stays on its origin for every way to read it', t => {
  fc.assert(
    fc.property(hostile, text => {
      if (!isReturnPath(text)) return
      const url = new URL(text, `${ORIGIN}/login/callback`)
      // Also where a proxy removes what browsers ignore, or joins slashes.
      const cleaned = new URL(text.replaceAll(/[\t\r\n]/g, '').replaceAll('\\', '/'), ORIGIN)
      if (url.origin !== ORIGIN || cleaned.origin !== ORIGIN || url.href !== ORIGIN + text) throw new Error(text)
    }),
    { numRuns: 3000 }
  )
  t.end()
})

t.test('S-13: known tricks are refused, ordinary paths are accepted', t => {
  for (const text of [
    '',
    'orders',
    '//evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    'https://shop.example/',
    '/.//evil.example',
    '/a/..//evil.example',
    '/a/../b',
    '/ü',
    '/a b',
    '/a\r\nset-cookie: a=b',
    `/${'a'.repeat(1024)}`,
    '///',
    '/\ud800'
  ]) {
    t.notOk(isReturnPath(text), JSON.stringify(text))
  }
  for (const text of [
    '/',
    '/orders',
    '/orders?page=2&q=a%2Fb#top',
    '/a//b',
    '/%2f%2fevil.example',
    '/@evil.example',
    '/a:b',
    '/a;b=c'
  ]) {
    t.ok(isReturnPath(text), text)
  }
  t.end()
})

t.test('S-13: a login leads to the path or is refused, and never elsewhere', async t => {
  const login = await buildLoginApp(t)
  await fc.assert(
    fc.asyncProperty(hostile, async text => {
      const begun = await login.browser().get(`/login?${new URLSearchParams({ returnTo: text }).toString()}`)
      const expected = isReturnPath(text.toWellFormed()) ? [303, 429] : [400]
      if (!expected.includes(begun.statusCode)) throw new Error(`${JSON.stringify(text)}: ${begun.statusCode}`)
    }),
    { numRuns: 200 }
  )
  login.clock.ms += 60_000
  const ended = await goThroughLogin(login, login.browser(), '/login?returnTo=/%252f%252fevil.example')
  t.equal(ended.headers.location, '/%2f%2fevil.example')
})
