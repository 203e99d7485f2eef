import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import type { KeySource, TokenClient } from '@sallyport/security-context'
import { SignJWT } from 'jose'

/** What a token says; the rest has defaults that a verifier accepts. */
export interface TokenFacts {
  readonly subject: string
  readonly audience: string
  readonly roles?: readonly string[]
  readonly scope?: string
  readonly clientId?: string
  /** Whole `act` claim; `null` for none. */
  readonly act?: Readonly<Record<string, unknown>> | null
  /** Replaces or removes (by `undefined`) claims. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** An issuer without a server: a key of its own, a key source for verifiers, and tokens. */
export interface TokenAuthority {
  readonly issuer: string
  readonly keys: KeySource
  mint: (facts: TokenFacts) => Promise<string>
  /**
   * A token client whose `exchange` works as the authorization server's: same subject, roles and scope, the audience
   * asked for, and `clientId` as the acting party. By `clientCredentials` it gets the scope that it asks for.
   */
  tokenClient: (clientId: string) => TokenClient
}

/** Makes an issuer with an ES256 key of its own. */
export function createTokenAuthority(issuer = 'https://issuer.test'): TokenAuthority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const mint = (facts: TokenFacts): Promise<string> => sign(issuer, privateKey, facts)
  return { issuer, keys: keySourceOf(publicKey), mint, tokenClient: clientId => exchangingClient(mint, clientId) }
}

function keySourceOf(key: KeyObject): KeySource {
  return {
    find: async keyId => (keyId === 'test-key' ? { keyId, algorithm: 'ES256', key } : null),
    isPublished: keyId => keyId === 'test-key',
    ready: async () => {},
    ageMs: () => 0,
    close: async () => {}
  }
}

async function sign(
  issuer: string,
  key: KeyObject,
  { subject, audience, roles = [], scope = '', clientId = 'gateway', act = { sub: 'gateway' }, claims = {} }: TokenFacts
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    iss: issuer,
    sub: subject,
    aud: audience,
    client_id: clientId,
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    roles,
    scope,
    ...(act === null ? {} : { act }),
    ...claims
  }
  return new SignJWT(payload).setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid: 'test-key' }).sign(key)
}

function exchangingClient(mint: TokenAuthority['mint'], clientId: string): TokenClient {
  const refuse = async (): Promise<never> => {
    throw new Error('not part of this test')
  }
  return {
    password: refuse,
    refresh: refuse,
    revoke: refuse,
    clientCredentials: async ({ audience = '', scope = '' }) => {
      const accessToken = await mint({ subject: clientId, audience, scope, clientId, act: null })
      return { accessToken, refreshToken: null, expiresInSeconds: 300, scope }
    },
    exchange: async ({ subjectToken, audience }) => {
      const subject = JSON.parse(Buffer.from(subjectToken.split('.')[1] ?? '', 'base64url').toString()) as Record<
        string,
        string
      > & { roles: string[]; act?: Record<string, unknown> }
      const accessToken = await mint({
        subject: subject.sub ?? '',
        audience,
        roles: subject.roles,
        scope: subject.scope ?? '',
        clientId,
        act: { sub: clientId, ...(subject.act === undefined ? {} : { act: subject.act }) }
      })
      return { accessToken, refreshToken: null, expiresInSeconds: 300, scope: subject.scope ?? '' }
    }
  }
}
