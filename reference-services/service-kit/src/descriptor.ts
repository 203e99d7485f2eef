/** A scope that tokens for a service may carry. */
export interface ServiceScope {
  readonly name: string
  /**
   * What a user reads who is asked for consent. Such a scope is the service's own: tokens for the edge carry it too,
   * and clients that act for users have it. Left out: it exists at this service only, for calls of other services.
   */
  readonly description?: string
}

/** What a deployment has to know about a service beside its settings, migrations and demo data. */
export interface ServiceDescriptor {
  /** Name of the process and of its OAuth client, audience of its tokens, and the name in the audit trail. */
  readonly name: string
  /** The port that it listens on unless it is told another one. */
  readonly port: number
  /** What its tokens may say, beside `audit:read`, `audit:personal` and `operations`. */
  readonly scopes: readonly ServiceScope[]
  /** The other services that it calls, and the scopes that it asks for in its own name or passes on. */
  readonly calls: { readonly audiences: readonly string[]; readonly scopes: readonly string[] }
}

/** The ports that a service's settings begin with: its own, and that of health and metrics 100 above it. */
export function descriptorPorts({ port }: ServiceDescriptor): {
  readonly port: number
  readonly operationsPort: number
} {
  return { port, operationsPort: port + 100 }
}
