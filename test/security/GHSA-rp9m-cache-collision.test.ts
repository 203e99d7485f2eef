import t from 'tap'
import { goodClaims, issuerKey, signToken } from '../support/issuer.ts'
import { bothVerifiers } from './support/verifiers.ts'

t.test('GHSA-rp9m-7r4c-75qg: a token that resembles a remembered one never gets its claims', async t => {
  const key = issuerKey('ES256')
  for (const [name, verifier] of await bothVerifiers(t, key)) {
    const tokens = Array.from({ length: 200 }, (_, n) =>
      signToken(key, goodClaims({ sub: `user-${n}`, jti: 'same', sid: 'same' }))
    )
    const subjects = async () =>
      (await Promise.all(tokens.map(async token => await verifier.verify(token)))).map(({ subject }) => subject)
    const expected = tokens.map((_, n) => `user-${n}`)
    t.same(await subjects(), expected, `${name}: first`)
    t.same(await subjects(), expected, `${name}: from the cache`)
    const [victim = '', other = ''] = tokens
    const [header, payload] = victim.split('.')
    const [, otherPayload, signature] = other.split('.')
    for (const changed of [
      `${header}.${payload}.${signature}`,
      `${header}.${otherPayload}.${victim.split('.')[2]}`,
      victim.slice(0, -1),
      victim.toLowerCase(),
      `${victim} `,
      `${victim}\0`
    ]) {
      await t.rejects(
        verifier.verify(changed),
        { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' },
        `${name}: a change of a remembered token`
      )
    }
  }
})
