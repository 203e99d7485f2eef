/**
 * A policy as data, so that one value is checked, explained, turned into an SQL filter and printed in a matrix.
 * Evaluated by `@sallyport/authorization`.
 */
export type Policy =
  /** The principal has at least one of these roles. */
  | { readonly kind: 'role'; readonly anyOf: readonly string[] }
  /** The token carries every one of these scopes. */
  | { readonly kind: 'scope'; readonly allOf: readonly string[] }
  /** The token was exchanged, and the party that acts now is this OAuth client; of this issuer, where one is named. */
  | { readonly kind: 'actor'; readonly clientId: string; readonly issuer?: string }
  /**
   * The token is this OAuth client's own, by client credentials: there is no user and nobody acts for one; of this
   * issuer, where one is named.
   */
  | { readonly kind: 'client'; readonly clientId: string; readonly issuer?: string }
  /**
   * This attribute of the resource equals the principal's subject. Its issuer is this one, or what another attribute
   * says, where one of the two is named.
   */
  | {
      readonly kind: 'owner'
      readonly attribute: string
      readonly issuer?: string
      readonly issuerAttribute?: string
    }
  /** This attribute of the resource has one of these values. */
  | {
      readonly kind: 'attribute'
      readonly attribute: string
      readonly anyOf: readonly (string | number | boolean | null)[]
    }
  /** An access control list entry gives the principal this permission on the resource whose id is in `attribute`. */
  | { readonly kind: 'acl'; readonly resourceType: string; readonly permission: string; readonly attribute: string }
  | { readonly kind: 'allOf'; readonly policies: readonly Policy[] }
  | { readonly kind: 'anyOf'; readonly policies: readonly Policy[] }

/** Who may call a route. */
export type RouteAccess = 'public' | 'authenticated' | Policy

/**
 * What a resource policy decides over: a row, or part of one. Any object, so that a row that an `interface` describes
 * fits, but no promise: a forgotten `await` does not compile.
 */
export type Resource = Readonly<Record<string, unknown>> | (object & { readonly then?: never })

/** What a route writes to the audit trail. */
export type RouteAudit =
  | 'none'
  | {
      /** Verb and noun of the effect, for example `order.cancel`. */
      readonly action: string
      /** The kind of resource and the route parameter that holds its id. */
      readonly resource?: { readonly type: string; readonly parameter: string }
      /**
       * `refusals`: nothing is written but the refusals of a stage, as with `none`, and their rows name action and
       * resource. For reads, whose success is too frequent to record. Default: everything.
       */
      readonly only?: 'refusals'
      /**
       * `no-effect`: a 3xx of this mutating route is no effect and owes no row: back to a form, on to a GET. Default: a
       * redirect acknowledges an effect as a 2xx does.
       */
      readonly redirect?: 'no-effect'
    }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call this route. Optional in the type, required at run time: a route without it fails the boot. */
    access?: RouteAccess
    /**
     * Finds the resource that `access` decides over; `null` when it does not exist. Runs in preHandler, after
     * validation.
     */
    resource?: (request: FastifyRequest) => Promise<Resource | null>
    /**
     * What this route writes to the audit trail. Optional in the type, required at run time when audit-log is
     * registered.
     */
    audit?: RouteAudit
  }
}
