import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { importKeys } from '@sallyport/authentication'
import { checkWithFastifyJwt } from '../../../plugins/authentication/src/tokens/check-with-fastify-jwt.ts'
import { checkWithNodeCrypto } from '../../../plugins/authentication/src/tokens/check-signature.ts'
import { accepts, keysOf, type Jwk } from './support/accepts-jws.ts'

// The public test vectors are not part of this repository.
const repository = resolve(import.meta.dirname, '../../..')
const folder = [
  process.env['SALLYPORT_VECTORS'],
  join(repository, '../shared/vectors'),
  join(repository, '../../shared/vectors')
].find(path => path !== undefined && existsSync(path))
const options =
  folder === undefined ? { skip: 'no test vectors: set SALLYPORT_VECTORS to a folder that holds them' } : {}

interface Vector {
  tcId: number
  comment: string
  jws: string
  result: 'valid' | 'invalid' | 'acceptable'
  flags: string[]
}
interface Group {
  comment: string
  public?: Jwk & { keys?: Jwk[] }
  private: Jwk & { keys?: Jwk[] }
  tests: Vector[]
}

const read = <T>(...path: string[]): T => JSON.parse(readFileSync(join(folder ?? '', ...path), 'utf8')) as T
/** Vectors that are valid JWS and refused here all the same, and why. */
const STRICTER: Array<[RegExp, string]> = [
  [/emptyPayload|empty_payload/i, 'an empty payload is no claim set'],
  [/Figure27/, 'the vector calls its algorithm ES521, which no registry has'],
  [/Figure20/, 'PS384 under a key that is for PS256: one key, one algorithm'],
  [/InvalidCharacterInserted/, 'characters outside the alphabet are not skipped'],
  [/jws_keyset acceptsValid/, 'two shared secrets at once'],
  [/HS(384|512) long_key/, 'the shared-secret mode is HS256 only']
]

t.test(
  'Wycheproof JSON Web Signature: no invalid vector is accepted, and valid ones are unless we are stricter on purpose',
  options,
  async t => {
    const withFastifyJwt = await checkWithFastifyJwt()
    for (const file of ['json_web_signature_test.json', 'json_web_key_test.json']) {
      let valid = 0
      for (const group of read<{ testGroups: Group[] }>(file).testGroups) {
        const source = group.public ?? group.private
        const keys = keysOf(source.keys ?? [source])
        for (const vector of group.tests) {
          const name = `${file} ${vector.tcId} ${group.comment} ${vector.comment}`
          const accepted = accepts(vector.jws, keys, checkWithNodeCrypto)
          // Two vectors about padding have lost it: byte for byte they are the valid token of their group.
          if (
            vector.result === 'invalid' &&
            group.tests.some(({ jws, result }) => jws === vector.jws && result === 'valid')
          ) {
            continue
          }
          if (vector.result === 'invalid') {
            t.equal(accepted, false, name)
            t.equal(accepts(vector.jws, keys, withFastifyJwt), false, `${name}, @fastify/jwt`)
          } else if (accepted) valid++
          else {
            t.ok(
              STRICTER.some(([pattern]) => pattern.test(name)),
              `${name} (${vector.result}) is refused on purpose`
            )
          }
        }
      }
      t.ok(valid > 0, `${file}: ${valid} valid vectors were accepted`)
    }
  }
)

interface Cookbook {
  title: string
  input: { key: Jwk; alg: string }
  output: { compact?: string }
}

t.test('RFC 7520 and RFC 8037 signatures verify, and not with a bit changed', options, async t => {
  const files = [
    ...readdirSync(join(folder ?? '', 'rfc7520/jws')).map(name => join('rfc7520/jws', name)),
    'rfc7520/curve25519/jws.json'
  ]
  let verified = 0
  for (const file of files) {
    const { title, input, output } = read<Cookbook>(file)
    if (output.compact === undefined) continue
    const detached = output.compact.includes('..')
    const keys = keysOf([{ ...input.key, alg: input.alg }])
    t.equal(accepts(output.compact, keys, checkWithNodeCrypto), !detached, title)
    if (detached) continue
    verified++
    const at = output.compact.length - 10
    const changed =
      output.compact.slice(0, at) + (output.compact[at] === 'A' ? 'B' : 'A') + output.compact.slice(at + 1)
    t.equal(accepts(changed, keys, checkWithNodeCrypto), false, `${title}, changed`)
  }
  t.ok(verified >= 5, `${verified} signatures`)
})

t.test('RFC 7520 keys: public ones are imported, private and symmetric ones are not', options, async t => {
  const reasonOf = (name: string): string | undefined =>
    importKeys({ keys: [{ kid: 'x', ...read<Jwk>('rfc7520/jwk', name) }] })?.ignored[0]?.reason
  t.equal(reasonOf('3_1.ec_public_key.json'), undefined)
  t.equal(reasonOf('3_3.rsa_public_key.json'), undefined)
  t.equal(reasonOf('3_2.ec_private_key.json'), 'private key published')
  t.equal(reasonOf('3_4.rsa_private_key.json'), 'private key published')
  t.equal(reasonOf('3_5.symmetric_key_mac_computation.json'), 'not an asymmetric key')
  t.equal(reasonOf('3_6.symmetric_key_encryption.json'), 'not an asymmetric key')
})
