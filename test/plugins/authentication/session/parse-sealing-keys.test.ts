import { randomBytes } from 'node:crypto'
import t from 'tap'
import { parseSealingKeys } from '@sallyport/authentication'

t.test('S-03: a key ring is read from a file, newest first, with any white space', async t => {
  const [one, two] = [randomBytes(32), randomBytes(32)]
  t.same(parseSealingKeys(`2026-11:${one.toString('base64url')}\n  old-1:${two.toString('base64url')}\n`), [
    { id: '2026-11', key: one },
    { id: 'old-1', key: two }
  ])
})

t.test('P1: every mistake in a key ring is named at once, and no key is', async t => {
  const secret = randomBytes(31).toString('base64url')
  const text = `${secret} short:${secret} a.b:${randomBytes(32).toString('base64url')} good:${randomBytes(32).toString('base64url')} long:${randomBytes(33).toString('base64url')}`
  try {
    parseSealingKeys(text)
    t.fail('must throw')
  } catch (error) {
    const { message, code } = error as Error & { code: string }
    t.equal(code, 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID')
    t.same(message.match(/sealing key \d/g), ['sealing key 1', 'sealing key 2', 'sealing key 3', 'sealing key 5'])
    t.notOk(message.includes(secret))
  }
  t.throws(() => parseSealingKeys(' \n'), { message: /no sealing keys/ })
})
