import { endsSoon } from '../../../../plugins/authentication/src/tokens/verified-token.ts'
import type { Principal } from '@sallyport/security-context'
import t from 'tap'

const principal = (tokenId: string | null): Principal => ({
  issuer: 'https://issuer.example',
  subject: 'alice',
  clientId: 'gateway',
  roles: [],
  scopes: [],
  audience: 'edge',
  sessionId: 'one',
  tokenId,
  actor: null,
  issuedAtSeconds: 0,
  expiresAtSeconds: 300,
  claims: {}
})

t.test('sessions that began together are due at times of their own, all of them before the end', async t => {
  const sessions = Array.from({ length: 10_000 }, (_, at) => principal(`token-${at}`))
  const dueAt = (secondsLeft: number, spread: number): number =>
    sessions.filter(each => endsSoon(each, (300 - secondsLeft) * 1000, 30, spread)).length
  t.equal(dueAt(30, 0), 10_000, 'without a spread, all at once')
  t.equal(dueAt(30.001, 0.5), 0)
  t.ok(dueAt(30, 0.5) < 500, 'a few at first')
  const half = dueAt(22.5, 0.5)
  t.ok(half > 4000 && half < 6000, `${half} in the middle`)
  t.equal(dueAt(15, 0.5), 10_000, 'all, with half the window left')
  t.equal(endsSoon(principal('token-7'), 280_000, 30, 0.5), endsSoon(principal('token-7'), 280_000, 30, 0.5))
  t.equal(endsSoon(principal(null), 270_000, 30, 0.5), true, 'a token without id is due with the first')
})
