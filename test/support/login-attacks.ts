// What a hostile issuer can try with a login, for tests of the routes and of a browser.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { CLIENT_ID, type IssuerTricks, type LoginApp } from './login-app.ts'

const HOUR = 3600
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const signedBy = (header: object, claims: object, signature: (input: string) => Buffer): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signature(input).toString('base64url')}`
}

/** An id_token that a hostile issuer gives, and what the trail says of it. */
export interface IdTokenAttack {
  readonly reason: string
  readonly tricks: (login: LoginApp) => IssuerTricks | Promise<IssuerTricks>
  readonly path?: string
}

const claims = (idClaims: Record<string, unknown>) => () => ({ idClaims })
const seconds = (login: LoginApp): number => Math.floor(login.clock.ms / 1000)

/** Every way in which an id_token is not one of this login. */
export const ID_TOKEN_ATTACKS: Readonly<Record<string, IdTokenAttack>> = {
  'another issuer': { reason: 'id-token-issuer', tricks: claims({ iss: 'https://elsewhere.example' }) },
  'the issuer with a slash': {
    reason: 'id-token-issuer',
    tricks: login => ({ idClaims: { iss: `${login.issuer.origin}/` } })
  },
  'an issuer in a list': { reason: 'id-token-issuer', tricks: login => ({ idClaims: { iss: [login.issuer.origin] } }) },
  'no issuer': { reason: 'id-token-issuer', tricks: claims({ iss: undefined }) },
  'another audience': { reason: 'id-token-audience', tricks: claims({ aud: 'another-client' }) },
  'a second audience': { reason: 'id-token-audience', tricks: claims({ aud: [CLIENT_ID, 'another-client'] }) },
  'a second audience and azp': {
    reason: 'id-token-audience',
    tricks: claims({ aud: [CLIENT_ID, 'another-client'], azp: CLIENT_ID })
  },
  'no audience': { reason: 'id-token-audience', tricks: claims({ aud: [] }) },
  'another authorized party': { reason: 'id-token-authorized-party', tricks: claims({ azp: 'another-client' }) },
  'the nonce of another login': { reason: 'id-token-nonce', tricks: claims({ nonce: 'n'.repeat(43) }) },
  'no nonce': { reason: 'id-token-nonce', tricks: claims({ nonce: undefined }) },
  'the hash of another access token': { reason: 'id-token-access-token', tricks: claims({ at_hash: 'h'.repeat(22) }) },
  'a hash that is no text': { reason: 'id-token-access-token', tricks: claims({ at_hash: 1 }) },
  'no hash and the access token of somebody else': {
    reason: 'login-subject-mismatch',
    tricks: () => ({ idClaims: { at_hash: undefined }, accessClaims: { sub: 'somebody-else' } })
  },
  'no subject': { reason: 'id-token-subject', tricks: claims({ sub: undefined }) },
  'a subject with a line break': { reason: 'id-token-subject', tricks: claims({ sub: 'a\nb' }) },
  'an end in the past': { reason: 'id-token-expired', tricks: login => ({ idClaims: { exp: seconds(login) - 6 } }) },
  'no end': { reason: 'id-token-times', tricks: claims({ exp: undefined }) },
  'no beginning': { reason: 'id-token-times', tricks: claims({ iat: undefined }) },
  'times as text': {
    reason: 'id-token-times',
    tricks: login => ({ idClaims: { exp: String(seconds(login) + HOUR) } })
  },
  'a beginning in the future': {
    reason: 'id-token-not-yet-valid',
    tricks: login => ({ idClaims: { iat: seconds(login) + 60 } })
  },
  'nbf in the future': {
    reason: 'id-token-not-yet-valid',
    tricks: login => ({ idClaims: { nbf: seconds(login) + 60 } })
  },
  'an old authentication where a recent one was asked for': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: login => ({ idClaims: { auth_time: seconds(login) - 66 } })
  },
  'no time of authentication where one was asked for': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: claims({ auth_time: undefined })
  },
  'an authentication in the future': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: login => ({ idClaims: { auth_time: seconds(login) + 60 } })
  },
  'a weaker authentication than was asked for': {
    reason: 'id-token-acr',
    path: '/login?acr_values=urn:strong%20urn:stronger',
    tricks: claims({ acr: 'urn:weak' })
  },
  'no acr where one was asked for': {
    reason: 'id-token-acr',
    path: '/login?acr_values=urn:strong',
    tricks: claims({ acr: undefined })
  },
  'the type of an access token': { reason: 'id-token-type', tricks: () => ({ idHeader: { typ: 'at+jwt' } }) },
  'the type of a logout token': { reason: 'id-token-type', tricks: () => ({ idHeader: { typ: 'logout+jwt' } }) },
  'an unknown key': { reason: 'id-token-key-unknown', tricks: () => ({ idHeader: { kid: 'another' } }) },
  'no key': { reason: 'id-token-key-unknown', tricks: () => ({ idHeader: { kid: undefined } }) },
  'a critical extension': { reason: 'id-token-signature', tricks: () => ({ idHeader: { crit: ['x'], x: 1 } }) },
  'another algorithm than that of the key': {
    reason: 'id-token-signature',
    tricks: () => ({ idHeader: { alg: 'RS256' } })
  },
  'an algorithm that is not allowed': { reason: 'id-token-algorithm', tricks: () => ({ idHeader: { alg: 'ES384' } }) },
  'alg none': {
    reason: 'id-token-algorithm',
    tricks: () => ({ idToken: claims => signedBy({ alg: 'none' }, claims, () => Buffer.from('x')) })
  },
  'no signature at all': {
    reason: 'id-token-malformed',
    tricks: () => ({ idToken: claims => signedBy({ alg: 'none' }, claims, () => Buffer.alloc(0)) })
  },
  'an HMAC with the client secret': {
    reason: 'id-token-algorithm',
    tricks: () => ({
      idToken: claims =>
        signedBy({ alg: 'HS256' }, claims, input => createHmac('sha256', 'shop-secret').update(input).digest())
    })
  },
  'an HMAC with the public key': {
    reason: 'id-token-algorithm',
    tricks: async ({ issuer: { kit } }) => {
      const [head = ''] = kit.token({}).split('.')
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }
      const published = (await kit.keys.find(kid))?.key.export({ type: 'spki', format: 'pem' }) ?? ''
      return {
        idToken: claims =>
          signedBy({ alg: 'HS256', kid }, claims, input => createHmac('sha256', published).update(input).digest())
      }
    }
  },
  'a key of its own in the header': {
    reason: 'id-token-key-unknown',
    tricks: () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return {
        idToken: claims =>
          signedBy({ alg: 'ES256', kid: 'own', jwk: publicKey.export({ format: 'jwk' }) }, claims, input =>
            sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
          )
      }
    }
  },
  'one bit less': {
    reason: 'id-token-signature',
    tricks: login => ({
      idToken: claims => {
        const [header, payload, signature = ''] = login.issuer.kit.token(claims, { typ: 'JWT' }).split('.')
        const bytes = Buffer.from(signature, 'base64url')
        bytes[10] = (bytes[10] ?? 0) ^ 1
        return `${header}.${payload}.${bytes.toString('base64url')}`
      }
    })
  },
  'five parts': { reason: 'id-token-malformed', tricks: () => ({ idToken: () => 'a.b.c.d.e' }) }
}

/** Every answer of the browser that is none of this issuer to this login; `null` takes a parameter away. */
export const ANSWER_ATTACKS: Readonly<
  Record<string, { readonly reason: string; readonly answer: Readonly<Record<string, string | null>> }>
> = {
  'the name of another issuer': { reason: 'login-issuer-mismatch', answer: { iss: 'https://elsewhere.example' } },
  'no name of an issuer that promises one': { reason: 'login-issuer-mismatch', answer: { iss: null } },
  'an error without a name': {
    reason: 'login-issuer-mismatch',
    answer: { iss: null, code: null, error: 'access_denied' }
  },
  'an empty name': { reason: 'login-answer-malformed', answer: { iss: '' } },
  'neither code nor error': { reason: 'login-answer-malformed', answer: { code: null } },
  'both code and error': { reason: 'login-answer-malformed', answer: { error: 'access_denied' } },
  'a code without end': { reason: 'login-answer-malformed', answer: { code: 'x'.repeat(4097) } }
}
