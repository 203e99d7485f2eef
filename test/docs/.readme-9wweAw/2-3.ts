import { generateKeyPairSync, sign } from 'node:crypto'
import Fastify from 'fastify'
import authentication, { createTokenVerifier, importKeys } from '@sallyport/authentication'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const imported = importKeys({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'EdDSA' }] })
const keys = {
  find: async (keyId: string) => imported?.keys.get(keyId) ?? null,
  isPublished: (keyId: string) => imported?.keys.has(keyId) ?? false,
  ready: async () => {},
  ageMs: () => 0,
  close: async () => {}
}
const verifier = createTokenVerifier({ issuer: 'https://issuer.example', audience: 'orders', keys })

const app = Fastify()
app.decorateRequest('principal', null)
await app.register(authentication, { verifier })
app.get('/', async request => request.principal?.subject)

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
const claims = { iss: 'https://issuer.example', aud: 'orders', sub: 'alice', client_id: 'web', jti: '1', iat: now, exp: now + 300 }
const input = `${encode({ typ: 'at+jwt', alg: 'EdDSA', kid: 'k1' })}.${encode(claims)}`
const token = `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
console.log((await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).body) // alice
await app.close()
