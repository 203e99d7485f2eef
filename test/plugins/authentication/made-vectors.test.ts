// What the public vectors cover, made here, so that a clone without them shows it too: forged RSA paddings, edge values
// of ECDSA, keys that must not be used (one of a flawed generator included), and every way to write a token wrongly.
import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  privateEncrypt,
  sign,
  type KeyObject
} from 'node:crypto'
import t, { type Test } from 'tap'
import type { VerificationKey } from '@sallyport/security-context'
import { importKeys } from '@sallyport/authentication'
import { checkWithFastifyJwt } from '../../../plugins/authentication/src/tokens/check-with-fastify-jwt.ts'
import { checkWithNodeCrypto, type SignatureCheck } from '../../../plugins/authentication/src/tokens/check-signature.ts'
import { accepts, keysOf, type Jwk } from './support/accepts-jws.ts'

const checks: SignatureCheck[] = [checkWithNodeCrypto, await checkWithFastifyJwt()]

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const inputFor = (alg: string, more: object = {}): string =>
  `${encode({ alg, kid: 'k', ...more })}.${encode({ sub: 'somebody' })}`
const withSignature = (input: string, signature: Uint8Array): string =>
  `${input}.${Buffer.from(signature).toString('base64url')}`
const jwkOf = (key: KeyObject, alg: string): Jwk => ({ ...key.export({ format: 'jwk' }), kid: 'k', alg })

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const RS256 = keysOf([jwkOf(rsa.publicKey, 'RS256')])
const PS256 = keysOf([jwkOf(rsa.publicKey, 'PS256')])
const ES256 = keysOf([jwkOf(ec.publicKey, 'ES256')])

/**
 * All checks refuse each of the tokens; the answer to a check that refuses everything is the valid token beside them.
 */
function refuses(
  t: Test,
  keys: VerificationKey[],
  valid: string,
  forged: ReadonlyArray<readonly [name: string, token: string]>
): void {
  for (const check of checks) {
    t.equal(accepts(valid, keys, check), true, `the proper token, ${check.name}`)
    for (const [name, token] of forged) {
      t.not(token, valid, `${name} is another token`)
      t.equal(accepts(token, keys, check), false, `${name}, ${check.name}`)
    }
  }
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const SIZE = 256

/** A block signed as it is: `00 01 FF… 00` before what the vector has for a DigestInfo. @see RFC 8017 §9.2 */
function rawSignature(digestInfo: Buffer, options: { fill?: number; type?: number; after?: Buffer } = {}): Buffer {
  const { fill = 0xff, type = 1, after = Buffer.alloc(0) } = options
  const padding = Buffer.alloc(SIZE - 3 - digestInfo.length - after.length, fill)
  const block = Buffer.concat([Buffer.from([0, type]), padding, Buffer.from([0]), digestInfo, after])
  return privateEncrypt({ key: rsa.privateKey, padding: constants.RSA_NO_PADDING }, block)
}

t.test('RS256: a DigestInfo that is not the one encoding, and a padding that is not full, are refused', async t => {
  const input = inputFor('RS256')
  const digest = createHash('sha256').update(input).digest()
  const oid = '06 09 60 86 48 01 65 03 04 02 01'
  const info = (head: string, tail = digest): Buffer => Buffer.concat([hex(head), tail])
  const right = info(`30 31 30 0d ${oid} 05 00 04 20`)
  const token = (digestInfo: Buffer, options = {}): string => withSignature(input, rawSignature(digestInfo, options))
  t.equal(
    token(right),
    withSignature(input, sign('sha256', Buffer.from(input), rsa.privateKey)),
    'the block is the real one'
  )
  refuses(t, RS256, token(right), [
    ['the length of the sequence in long form', token(info(`30 81 31 30 0d ${oid} 05 00 04 20`))],
    ['the length with leading zeros', token(info(`30 82 00 31 30 0d ${oid} 05 00 04 20`))],
    ['a sequence one too long', token(info(`30 32 30 0d ${oid} 05 00 04 20`))],
    ['a sequence one too short', token(info(`30 30 30 0d ${oid} 05 00 04 20`))],
    ['a length of 2^32 - 1', token(info(`30 84 ff ff ff ff 30 0d ${oid} 05 00 04 20`))],
    ['an indefinite length', token(Buffer.concat([info(`30 80 30 0d ${oid} 05 00 04 20`), hex('00 00')]))],
    ['another tag for the sequence', token(info(`31 31 30 0d ${oid} 05 00 04 20`))],
    ['the parameters left out', token(info(`30 2f 30 0b ${oid} 04 20`))],
    ['NULL with a length in long form', token(info(`30 32 30 0e ${oid} 05 81 00 04 20`))],
    ['NULL with content', token(info(`30 32 30 0e ${oid} 05 01 00 04 20`))],
    ['garbage as parameters', token(info(`30 35 30 11 ${oid} 05 00 02 02 ab cd 04 20`))],
    ['the object identifier of SHA-1', token(info('30 2d 30 09 06 05 2b 0e 03 02 1a 05 00 04 20'))],
    ['the object identifier of SHA-384', token(info('30 31 30 0d 06 09 60 86 48 01 65 03 04 02 02 05 00 04 20'))],
    ['an octet string one too long', token(info(`30 31 30 0d ${oid} 05 00 04 21`))],
    ['an octet string in long form', token(info(`30 32 30 0d ${oid} 05 00 04 81 20`))],
    ['bytes after the DigestInfo', token(Buffer.concat([right, hex('00 01')]))],
    ['garbage after a short padding', token(right, { after: Buffer.alloc(180, 0xab) })],
    ['the digest alone', token(digest)],
    [
      'the digest of another input',
      token(info(`30 31 30 0d ${oid} 05 00 04 20`, createHash('sha256').update('other').digest()))
    ],
    ['a padding of another byte', token(right, { fill: 0xfe })],
    ['block type 0', token(right, { type: 0, fill: 0 })],
    ['block type 2', token(right, { type: 2 })]
  ])
})

const modulus = BigInt(`0x${Buffer.from(String(jwkOf(rsa.publicKey, 'RS256').n), 'base64url').toString('hex')}`)
const bytesOf = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')

t.test('RSA: a signature that is no residue, of another length, or of another scheme is refused', async t => {
  for (const [alg, keys, padding] of [
    ['RS256', RS256, constants.RSA_PKCS1_PADDING],
    ['PS256', PS256, constants.RSA_PKCS1_PSS_PADDING]
  ] as const) {
    const input = inputFor(alg)
    const signed = (options: object = {}, hash = 'sha256'): Buffer =>
      sign(hash, Buffer.from(input), { key: rsa.privateKey, padding, ...options })
    const right = signed({ saltLength: 32 })
    const value = BigInt(`0x${right.toString('hex')}`)
    const other =
      padding === constants.RSA_PKCS1_PADDING ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
    const flipped = Buffer.from(right)
    flipped[128] = (flipped[128] ?? 0) ^ 1
    refuses(t, keys, withSignature(input, right), [
      ['0', withSignature(input, bytesOf(0n, SIZE))],
      ['1', withSignature(input, bytesOf(1n, SIZE))],
      ['n - 1', withSignature(input, bytesOf(modulus - 1n, SIZE))],
      ['n', withSignature(input, bytesOf(modulus, SIZE))],
      ['s + n, not reduced', withSignature(input, bytesOf(value + modulus, SIZE + 1))],
      ['zeros in front', withSignature(input, Buffer.concat([Buffer.alloc(2), right]))],
      ['zeros behind', withSignature(input, Buffer.concat([right, Buffer.alloc(2)]))],
      ['the last byte cut off', withSignature(input, right.subarray(0, -1))],
      ['no signature', `${input}.`],
      ['one bit changed', withSignature(input, flipped)],
      ['another hash', withSignature(input, signed({ saltLength: 32 }, 'sha384'))],
      ['the other scheme', withSignature(input, signed({ padding: other }))]
    ])
  }
})

t.test('PS256: a salt of another length than the hash is refused', async t => {
  const input = inputFor('PS256')
  const padding = constants.RSA_PKCS1_PSS_PADDING
  const salted = (saltLength: number): string =>
    withSignature(input, sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding, saltLength }))
  refuses(
    t,
    PS256,
    salted(32),
    [0, 1, 20, 31, 33, 64, SIZE - 34].map(length => [`a salt of ${length} bytes`, salted(length)] as const)
  )
})

t.test(
  'ES256: every pair of edge values, another length, another form and another curve order are refused',
  async t => {
    const input = inputFor('ES256')
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const right = sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
    const r = BigInt(`0x${right.subarray(0, 32).toString('hex')}`)
    const s = BigInt(`0x${right.subarray(32).toString('hex')}`)
    const pair = (a: bigint, b: bigint, length = 32): string =>
      withSignature(input, Buffer.concat([bytesOf(a, length), bytesOf(b, length)]))
    const edges = [0n, 1n, order - 1n, order, (1n << 256n) - 1n]
    refuses(t, ES256, withSignature(input, right), [
      ...edges.flatMap(a => edges.map(b => [`r = ${a}, s = ${b}`, pair(a, b)] as const)),
      ['r = 0', pair(0n, s)],
      ['s = 0', pair(r, 0n)],
      ['r + n', pair(r + order, s, 33)],
      ['s + n', pair(r, s + order, 33)],
      ['r and s swapped', pair(s, r)],
      ['longer numbers', pair(r, s, 40)],
      ['zeros behind', withSignature(input, Buffer.concat([right, Buffer.alloc(2)]))],
      ['a byte less', withSignature(input, right.subarray(0, -1))],
      ['DER', withSignature(input, sign('sha256', Buffer.from(input), ec.privateKey))],
      [
        'another hash',
        withSignature(input, sign('sha512', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }))
      ]
    ])
  }
)

/** Reads like a key of the flawed generator: modulo the primorial it is a power of 65537. @see CVE-2017-15361 */
function flawedModulus(power: bigint): bigint {
  const primes = Array.from({ length: 224 }, (_, i) => i + 2).filter(
    n => !Array.from({ length: n - 2 }, (_, i) => i + 2).some(d => n % d === 0)
  )
  const primorial = primes.slice(0, 39).reduce((product, prime) => product * BigInt(prime), 1n)
  let residue = 1n
  for (let i = 0n; i < power; i++) residue = (residue * 65537n) % primorial
  const top = (1n << 2047n) + (1n << 1000n)
  return top - (top % primorial) + primorial + residue
}

t.test('V15: a modulus with the fingerprint of the flawed generator is ignored, and one beside it is not', async t => {
  const reason = (n: bigint): string | undefined =>
    importKeys({ keys: [{ kty: 'RSA', kid: 'x', alg: 'RS256', e: 'AQAB', n: bytesOf(n, SIZE).toString('base64url') }] })
      ?.ignored[0]?.reason
  for (const power of [0n, 1n, 2n, 77n, 1000n]) {
    const flawed = flawedModulus(power)
    t.equal(flawed.toString(2).length, 2048, 'a modulus of 2048 bits')
    t.equal(reason(flawed), 'RSA modulus of a flawed generator')
    t.equal(reason(flawed + 2n), undefined, 'the next odd number has no such structure')
  }
  for (let i = 0; i < 5; i++) {
    t.strictSame(
      importKeys({ keys: [jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, 'RS256')] })?.ignored,
      []
    )
  }
})

t.test('V02: no key set makes a key serve for what it is not for', async t => {
  const input = inputFor('ES256')
  const token = withSignature(
    input,
    sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
  )
  const jwk = jwkOf(ec.publicKey, 'ES256')
  const other = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, 'ES256')
  const secret = { kty: 'oct', kid: 'k', alg: 'HS256', k: Buffer.alloc(32, 1).toString('base64url') }
  for (const check of checks) {
    t.equal(accepts(token, keysOf([jwk]), check), true)
    t.equal(accepts(token, keysOf([{ ...jwk, kid: 'another' }]), check), false, 'another key id')
    t.equal(accepts(token, keysOf([jwk, jwk]), check), false, 'the same key id twice')
    t.equal(accepts(token, keysOf([{ ...jwk, use: 'enc' }]), check), false, 'a key for encryption')
    t.equal(accepts(token, keysOf([{ ...jwk, key_ops: ['encrypt'] }]), check), false, 'operations without verify')
    t.equal(accepts(token, keysOf([{ ...jwk, alg: 'ES384' }]), check), false, 'an algorithm of another curve')
    t.equal(accepts(token, keysOf([{ ...jwk, x: other.x }]), check), false, 'a point off the curve')
    t.equal(accepts(token, keysOf([other]), check), false, 'the key of somebody else')
    const embedded = `${encode({ alg: 'ES256', kid: 'k', jwk })}.${encode({ sub: 'somebody' })}`
    t.equal(
      accepts(
        withSignature(
          embedded,
          sign('sha256', Buffer.from(embedded), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
        ),
        keysOf([other]),
        check
      ),
      false,
      'a key in the header'
    )
    const hmac = inputFor('HS256')
    for (const bytes of [
      Buffer.from(JSON.stringify(jwk)),
      Buffer.from(String(jwk.x), 'base64url'),
      ec.publicKey.export({ type: 'spki', format: 'der' }),
      Buffer.from(ec.publicKey.export({ type: 'spki', format: 'pem' }))
    ]) {
      t.equal(
        accepts(withSignature(hmac, createHmac('sha256', bytes).update(hmac).digest()), keysOf([jwk]), check),
        false,
        'an HMAC with the public key'
      )
    }
    const mac = withSignature(hmac, createHmac('sha256', Buffer.alloc(32, 1)).update(hmac).digest())
    t.equal(accepts(mac, keysOf([secret]), check), true, 'a shared secret alone')
    t.equal(accepts(mac, keysOf([secret, jwk]), check), false, 'a secret beside a public key')
    t.equal(accepts(mac, keysOf([{ ...secret, use: 'enc' }]), check), false, 'a secret for encryption')
    t.equal(accepts(mac, keysOf([{ ...secret, alg: 'A256KW' }]), check), false, 'a key of AES')
  }
})

t.test('V11: a token that is written in any other way than the one is refused', async t => {
  const input = inputFor('ES256')
  const token = withSignature(
    input,
    sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
  )
  const [header = '', payload = '', signature = ''] = token.split('.')
  const none = encode({ alg: 'none' })
  refuses(t, ES256, token, [
    ['nothing', ''],
    ['dots', '..'],
    ['no header', `.${payload}.${signature}`],
    ['no payload', `${header}..${signature}`],
    ['no signature', `${header}.${payload}.`],
    ['no signature and no dot', `${header}.${payload}`],
    ['the header alone', header],
    ['a fourth part', `${token}.${signature}`],
    ['an empty fourth part', `${token}.`],
    ['algorithm none', `${none}.${payload}.`],
    ['algorithm none with a signature', `${none}.${payload}.${signature}`],
    ['the JSON serialization', JSON.stringify({ payload, signatures: [{ protected: header, signature }] })],
    ['a space in front', ` ${token}`],
    ['a line break behind', `${token}\n`],
    ['a space in the signature', `${header}.${payload}.${signature.slice(0, 9)} ${signature.slice(9)}`],
    ['padding', `${token}==`],
    ['padding of the payload', `${header}.${payload}=.${signature}`],
    ['another alphabet', `${header}.${payload}.${signature.slice(0, -1)}+`],
    ['a character that decoders skip', `${header}.${payload}.${signature.slice(0, 9)}!${signature.slice(9)}`],
    ['a changed header', `${encode({ alg: 'ES256', kid: 'k', x: 1 })}.${payload}.${signature}`],
    ['a changed payload', `${header}.${encode({ sub: 'somebody else' })}.${signature}`],
    [
      'bits that no byte has',
      `${header}.${payload}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`
    ]
  ])
})
