import t from 'tap'
import { createTokenVerifier } from '@sallyport/authentication'
import { clock, fixedKeys, goodClaims, issuerKey, signToken } from '../support/issuer.ts'

t.test(
  'fast-jwt issue 594: issuer and audience are never patterns, so no token can make them slow or match too much',
  async t => {
    const key = issuerKey('ES256')
    const pattern = /^https:\/\/(a+)+$/ as unknown as string
    t.throws(() => createTokenVerifier({ issuer: pattern, audience: 'a', keys: fixedKeys(key), clock }), {
      code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
      message: /issuer/
    })
    t.throws(
      () => createTokenVerifier({ issuer: 'https://a.example', audience: pattern, keys: fixedKeys(key), clock }),
      { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', message: /audience/ }
    )

    const literal = createTokenVerifier({
      issuer: 'https://a.example/(a+)+',
      audience: '.*',
      keys: fixedKeys(key),
      clock
    })
    for (const iss of ['https://a.example/aaa', `https://a.example/${'a'.repeat(3000)}!`]) {
      await t.rejects(literal.verify(signToken(key, goodClaims({ iss, aud: 'anything' }))), {
        code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID',
        reason: 'issuer-mismatch'
      })
    }
    await t.rejects(literal.verify(signToken(key, goodClaims({ iss: 'https://a.example/(a+)+', aud: 'anything' }))), {
      code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID',
      reason: 'audience-mismatch'
    })
    t.ok(
      await literal.verify(signToken(key, goodClaims({ iss: 'https://a.example/(a+)+', aud: '.*' }))),
      'they are texts'
    )
  }
)
