import type { IntrospectorOptions } from '@sallyport/authentication'
import type { SessionStore } from '@sallyport/authentication/session-stores'
import type { OpenUpstream, RateLimitStore, RouteTableOptions } from '@sallyport/forwarding'
import type { TlsMaterial } from '@sallyport/secure-transport'
import type { KeySource, LoginClient, SessionDirectory, StatusSource, TokenClient } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import type { Tracing } from '@sallyport/service-process'
import type { Knex } from 'knex'
import type { Dispatcher } from 'undici'
import type { FollowedRoutes } from './follow-routes.ts'

/** The collaborators of the gateway; tests pass in their own. */
export interface GatewayCollaborators {
  /** Logs in, exchanges and revokes; without it there are no logins, no sessions and no exchange. */
  readonly tokenClient?: TokenClient
  /** Takes browsers through the login at the issuer, where `loginScopes` say so. */
  readonly loginClient?: LoginClient
  /** Keys of the issuer. */
  readonly keys: KeySource
  /** Revocations of the issuer; without it an ended session lives until its access token expires. */
  readonly status?: StatusSource
  /** Carries requests for the keys of further issuers. Default: undici's global one. */
  readonly issuerAgent?: Dispatcher
  /** Where opaque tokens are introspected; without it only JWTs are accepted. */
  readonly introspection?: IntrospectorOptions
  /**
   * For calls of services, and for nothing else: a hanging service must not block logins. It has to verify their
   * certificates, bound its queue, and end a waiting call with its signal, as `createPeerAgent` does.
   */
  readonly upstreamAgent: Dispatcher
  /** Upstreams and routes. */
  readonly table: RouteTableOptions
  /** Makes the connections to upstreams that say something of TLS or of connections. */
  readonly openUpstream?: OpenUpstream
  /** Where the table comes from, to follow it. */
  readonly routes?: FollowedRoutes
  /** Counts the requests of rate limits for all gateways; without it each counts its share. */
  readonly rateLimitStore?: RateLimitStore
  /** Remembers used DPoP proofs for several workers; without it each process remembers its own. */
  readonly proofReplays?: { readonly record: (id: string, expiresAtMs: number) => Promise<boolean> }
  /** When answers under way are checked. Default: every half second. */
  readonly schedule?: Schedule
  /** Pool of the app role on the gateway's audit database; without it there is no audit trail. */
  readonly db?: Knex
  readonly tracing?: Tracing
  readonly sessionDirectory?: SessionDirectory
  /** Keeps the sessions; without it they are sealed in the cookies. */
  readonly sessionStore?: SessionStore
  /** Certificate of the edge listener where `edgeTls` is set, and of an operations listener beyond loopback. */
  readonly tls?: TlsMaterial
  /** Readiness checks beside those of the database and the keys, by name. */
  readonly checks?: Readonly<Record<string, () => Promise<void>>>
  /** Epoch in ms. */
  readonly clock?: () => number
}
