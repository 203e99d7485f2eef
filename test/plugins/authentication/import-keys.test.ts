import { createECDH, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { importKeys } from '@sallyport/authentication'
import { issuerKey } from '../../support/issuer.ts'

const good = issuerKey('ES256', 'good')

function reasonFor(entry: unknown): string | undefined {
  const imported = importKeys({ keys: [good.jwk, entry] })
  return imported?.keys.size === 1 && imported.keys.has('good') ? imported.ignored[0]?.reason : undefined
}

t.test('the keys of every algorithm are imported, each for its one algorithm', async t => {
  for (const algorithm of ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS512']) {
    const { jwk } = issuerKey(algorithm, 'k')
    t.equal(importKeys({ keys: [jwk] })?.keys.get('k')?.algorithm, algorithm)
  }
  const { alg, use, ...bare } = issuerKey('ES256', 'bare').jwk
  t.equal(
    importKeys({ keys: [bare] })?.keys.get('bare')?.algorithm,
    'ES256',
    'a key that does not say is for the usual algorithm of its type'
  )
})

t.test('V15: weak keys are ignored and the others go on', async t => {
  const rsa = (options: { modulusLength: number; publicExponent?: number }) => ({
    ...generateKeyPairSync('rsa', options).publicKey.export({ format: 'jwk' }),
    kid: 'weak',
    alg: 'RS256'
  })
  t.match(reasonFor(rsa({ modulusLength: 1024 })), /below 2048/)
  t.match(reasonFor(rsa({ modulusLength: 2048, publicExponent: 3 })), /exponent/)
  const { n } = rsa({ modulusLength: 2048 })
  t.match(reasonFor({ kty: 'RSA', kid: 'weak', alg: 'RS256', n, e: 'AQ' }), /exponent|not a valid/, 'e = 1')
})

t.test('V15: a point that is not on the curve is ignored', async t => {
  const point = createECDH('prime256v1').generateKeys()
  const off = Buffer.from(point)
  off[64]! ^= 1
  const jwk = (bytes: Buffer) => ({
    kty: 'EC',
    crv: 'P-256',
    kid: 'weak',
    alg: 'ES256',
    x: bytes.subarray(1, 33).toString('base64url'),
    y: bytes.subarray(33).toString('base64url')
  })
  t.equal(importKeys({ keys: [jwk(point)] })?.keys.size, 1)
  t.equal(reasonFor(jwk(off)), 'not a valid public key')
  t.equal(reasonFor({ ...jwk(point), x: '', y: '' }), 'not a valid public key')
  t.equal(reasonFor({ ...jwk(point), x: `${jwk(point).x}=` }), 'not a valid public key', 'padded')
  t.equal(reasonFor({ ...jwk(point), crv: 'P-384' }), 'not a valid public key')
  t.equal(reasonFor({ ...jwk(point), alg: 'ES384' }), 'another curve')
})

t.test('V02: symmetric, private and foreign keys are ignored', async t => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.equal(reasonFor({ kty: 'oct', k: 'c2VjcmV0', kid: 'x', alg: 'HS256' }), 'not an asymmetric key')
  t.equal(reasonFor({ ...privateKey.export({ format: 'jwk' }), kid: 'x' }), 'private key published')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, use: 'enc' }), 'not for signatures')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, key_ops: ['encrypt'] }), 'not for verification')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, kid: undefined }), 'no key id')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, kid: 7 }), 'no key id')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, alg: 'HS256' }), 'not a secret', 'a public key labelled for HMAC')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, alg: 'none' }), 'algorithm not known')
  t.equal(reasonFor({ ...issuerKey('ES256', 'x').jwk, alg: 'RS256' }), 'not a public RSA key')
  t.equal(reasonFor('x'), 'not an object')
  t.equal(reasonFor(null), 'not an object')
})

t.test('two keys of one id are both ignored, unless only one of them is for signatures', async t => {
  const [one, two] = [issuerKey('ES256', 'twin').jwk, issuerKey('ES256', 'twin').jwk]
  const imported = importKeys({ keys: [one, two, good.jwk] })
  t.same([...(imported?.keys.keys() ?? [])], ['good'])
  t.match(imported?.ignored, [{ keyId: 'twin', reason: 'key id is not unique' }])
  t.ok(importKeys({ keys: [one, { ...two, use: 'enc' }] })?.keys.has('twin'))
})

t.test('what is no key set gives null', async t => {
  for (const document of [
    null,
    {},
    { keys: {} },
    { keys: 'x' },
    { keys: Array.from({ length: 101 }, () => good.jwk) }
  ]) {
    t.equal(importKeys(document), null)
  }
  t.equal(importKeys({ keys: [] })?.keys.size, 0)
})
