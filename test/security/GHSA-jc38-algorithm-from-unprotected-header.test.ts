import t from 'tap'
import { encode, goodClaims, issuerKey, signHmac, signToken } from '../support/issuer.ts'
import { bothVerifiers, refusesAll } from './support/verifiers.ts'

t.test('GHSA-jc38: only the compact form is read, so there is no header that nobody signed', async t => {
  const key = issuerKey('ES256')
  const good = signToken(key)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const forged = signHmac('', goodClaims({ roles: ['ADMIN'] }), { kid: key.keyId }).split('.')
  await refusesAll(
    t,
    await bothVerifiers(t, key),
    good,
    {
      'flattened JSON': JSON.stringify({ payload, protected: header, signature }),
      'flattened JSON with an unprotected alg': JSON.stringify({
        payload: forged[1],
        protected: encode({ typ: 'at+jwt' }),
        header: { alg: 'none', kid: key.keyId },
        signature: ''
      }),
      'general JSON': JSON.stringify({
        payload,
        signatures: [{ protected: header, header: { alg: 'HS256' }, signature }]
      }),
      'JSON in base64url': encode({ payload, protected: header, signature }),
      'a protected header without alg': signToken(key, goodClaims(), { alg: undefined }),
      'alg nested in the header': signToken(key, goodClaims(), { alg: undefined, header: { alg: 'ES256' } })
    },
    /^(token-malformed|algorithm-not-allowed)$/
  )
})
