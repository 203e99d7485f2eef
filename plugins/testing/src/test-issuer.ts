import type { KeySource } from '@sallyport/security-context'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Dispatcher, fetch as undiciFetch } from 'undici'
import type { ReadTestIssuerOptions } from './options.ts'
import type { IssuerKey } from './signing-key.ts'
import type { TokenClaims } from './sign-token.ts'
import type { StatusBits } from './status-bits.ts'

/** Where things are at an issuer. */
export interface IssuerAddresses {
  readonly jwksUri: string
  readonly tokenEndpoint: string
  readonly introspectionEndpoint: string
  readonly revocationEndpoint: string
  /** The prefix of the status lists: the option `statusLists.allowedUris`. */
  readonly statusLists: string
}

/** An issuer in the process. */
export interface TestIssuer extends IssuerAddresses {
  readonly issuer: string
  /** Carries requests to the issuer without a socket: the option `dispatcher` of the plugins. */
  readonly dispatcher: Dispatcher
  /** undici's `fetch`, which reaches the issuer and nothing else. */
  readonly fetch: typeof undiciFetch
  /** The published keys as a collaborator, for a verifier that fetches nothing. */
  readonly keys: KeySource
  /** An access token; a claim that is `undefined` is left out. Revocable, unless its `status` says otherwise. */
  readonly token: (claims?: TokenClaims, header?: TokenClaims) => string
  /** A random text that stands for claims: a verifier has to ask for them. */
  readonly opaqueToken: (claims?: TokenClaims) => string
  /** Revokes a token of this issuer: by status list and for introspection. */
  readonly revoke: (token: string) => void
  /** Signs with a new key from now on. @param withdraw whether the old keys go from the JWKS document too */
  readonly rotateKeys: (withdraw?: 'keep' | 'withdraw') => void
  /** `app.inject` with a token of these claims, which the app verifies. */
  readonly injectAs: (
    app: FastifyInstance,
    claims: TokenClaims,
    request: InjectOptions | string
  ) => Promise<LightMyRequestResponse>
  /** What the endpoints were asked, as `GET /jwks`, oldest first. */
  readonly requests: string[]
  /** Answers every request with this status instead, such as 503, until it is `null` again. */
  trouble: number | null
}

/** What the endpoints work on; {@link TestIssuer} is what a test sees of it. */
export interface IssuerState extends TestIssuer {
  readonly settings: ReadTestIssuerOptions
  readonly statusBits: StatusBits
  signingKey: () => IssuerKey
  publishedKeys: () => readonly IssuerKey[]
  /** The claims of a token that is good now, `null` for every other one. */
  activeClaims: (token: string) => TokenClaims | null
}

/** What an endpoint answers. */
export interface IssuerAnswer {
  readonly status: number
  readonly type?: string
  /** A text as it is, everything else as JSON. */
  readonly body: unknown
}

/** A form that came from a client of the issuer. */
export interface ClientForm {
  readonly clientId: string
  readonly form: URLSearchParams
}
