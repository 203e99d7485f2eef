import { randomUUID, sign, constants, KeyObject } from 'node:crypto'
import { basicClientAuthorization, type Clock } from '@sallyport/security-context/mechanics'
import { customOption, optionsObject, Type } from '@sallyport/security-context/options'
import type { ClientProofMethod } from './choose-client-method.ts'

/** Algorithms that a client's key signs its assertions with. */
export const CLIENT_KEY_ALGORITHMS = Object.freeze(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)

/** The private key of a client, whose public part is registered with the authorization server. */
export interface ClientSigningKey {
  /** `kid` of the registered key. */
  readonly keyId: string
  /** The one JWS algorithm that the key is registered for: `ES256`, `EdDSA`, `RS256` or `PS256`. */
  readonly algorithm: (typeof CLIENT_KEY_ALGORITHMS)[number]
  /** From `createPrivateKey` of `node:crypto`. */
  readonly privateKey: KeyObject
}

export const clientSigningKey = optionsObject({
  keyId: Type.String({ minLength: 1 }),
  algorithm: Type.Enum([...CLIENT_KEY_ALGORITHMS]),
  privateKey: customOption<KeyObject>('a private key', value => value instanceof KeyObject && value.type === 'private')
})

/** What shows in a request who the client is. */
export interface ClientProof {
  readonly headers: Readonly<Record<string, string>>
  readonly parameters: Readonly<Record<string, string>>
}

/** The client and what it proves itself with: a secret or a key. */
export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret?: string | (() => string) | undefined
  readonly clientKey?: ClientSigningKey | undefined
  readonly clock: Clock
}

const NO_PROOF: ClientProof = Object.freeze({ headers: {}, parameters: {} })

const JWT_BEARER_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Long enough for a slow request, and nothing that is worth keeping. */
const ASSERTION_LIFETIME_SECONDS = 60

/**
 * Makes the proof of a client anew for each request. By a certificate the connection is the proof, and a client without
 * credentials only says who it is. The audience of an assertion is the issuer: one that names an endpoint could be
 * handed on to another server that claims the same endpoint.
 * @param issuer whom the proof is for
 * @see RFC 6749 §2.3.1, RFC 7523 §2.2, §3, RFC 8705 §2
 */
export function proveClient(
  { clientId, clientSecret, clientKey, clock }: ClientCredentials,
  issuer: string,
  method: ClientProofMethod
): ClientProof {
  const secret = typeof clientSecret === 'function' ? clientSecret() : (clientSecret ?? '')
  if (method === 'client_secret_basic') {
    return { ...NO_PROOF, headers: { authorization: basicClientAuthorization(clientId, secret) } }
  }
  if (method === 'client_secret_post') {
    return { ...NO_PROOF, parameters: { client_id: clientId, client_secret: secret } }
  }
  if (method !== 'private_key_jwt' || clientKey === undefined) {
    return { ...NO_PROOF, parameters: { client_id: clientId } }
  }
  const nowSeconds = Math.floor(clock() / 1000)
  const assertion = signAssertion(clientKey, {
    iss: clientId,
    sub: clientId,
    aud: issuer,
    jti: randomUUID(),
    iat: nowSeconds,
    exp: nowSeconds + ASSERTION_LIFETIME_SECONDS
  })
  return {
    headers: {},
    parameters: { client_id: clientId, client_assertion_type: JWT_BEARER_ASSERTION, client_assertion: assertion }
  }
}

/** Whether a key can sign with its algorithm: a mistake at boot instead of a refusal by the server. */
export function clientKeyMistakes({ algorithm, privateKey }: ClientSigningKey): string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey
  const fits = {
    ES256: type === 'ec' && details?.namedCurve === 'prime256v1',
    EdDSA: type === 'ed25519',
    RS256: type === 'rsa',
    PS256: type === 'rsa'
  }[algorithm]
  return fits ? [] : [`clientKey.privateKey is no private key for ${algorithm}`]
}

function signAssertion({ keyId, algorithm, privateKey }: ClientSigningKey, claims: object): string {
  const input = [{ typ: 'JWT', alg: algorithm, kid: keyId }, claims].map(encodeJwtPart).join('.')
  return `${input}.${signatureBy(algorithm, privateKey, Buffer.from(input)).toString('base64url')}`
}

/** @see RFC 7518 §3, RFC 8037 §3.1 */
function signatureBy(algorithm: ClientSigningKey['algorithm'], key: KeyObject, input: Buffer): Buffer {
  switch (algorithm) {
    case 'ES256':
      return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    case 'EdDSA':
      return sign(null, input, key)
    case 'RS256':
      return sign('sha256', input, { key, padding: constants.RSA_PKCS1_PADDING })
    case 'PS256': {
      const padding = constants.RSA_PKCS1_PSS_PADDING
      return sign('sha256', input, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
    }
  }
}

const encodeJwtPart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
