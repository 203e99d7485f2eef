import { customOption, optionsObject, readOptions, Type, type ReadOptions } from '@sallyport/security-context/options'
import type { Knex } from 'knex'
import { AuthorizationOptionsError } from './errors.ts'
import type { IssuerCount } from './validate-policy.ts'

/** The access control list. */
export interface AclOptions {
  /** The database with the list (PostgreSQL). The plugin does not destroy it. */
  readonly db: Knex
  /**
   * How long one query of the list may take before the answer is 503, in ms.
   * @default 2000
   */
  readonly timeoutMs?: number
}

/** Options of the authorization plugin. */
export interface AuthorizationOptions {
  /**
   * The access control list; needed when a policy has an `acl` rule.
   * @example { db: knex({ client: 'pg', connection: process.env.DATABASE_URL }) }
   */
  readonly acl?: AclOptions
  /**
   * What a caller learns about a resource that its policy refuses. `hide`: 404, as if it did not exist, when reading
   * and when writing. `reveal`: 403.
   * @default 'hide'
   */
  readonly existence?: 'hide' | 'reveal'
  /**
   * Of how many issuers the app takes tokens. With `several`, identity is issuer and subject together: policies that
   * name no issuer, and entries of the access control list without one, are refused. Left out: what the authentication
   * plugin says, or else one.
   */
  readonly issuers?: IssuerCount
}

export const aclOptions = optionsObject({
  db: customOption<Knex>('a knex instance', value => typeof value === 'function'),
  timeoutMs: Type.Integer({ minimum: 1, default: 2000 })
})

export const authorizationOptions = optionsObject({
  acl: Type.Optional(aclOptions),
  existence: Type.Enum(['hide', 'reveal'], { default: 'hide' }),
  issuers: Type.Optional(Type.Enum(['one', 'several']))
})

/** Options with every default filled in. */
export type ReadAuthorizationOptions = ReadOptions<typeof authorizationOptions>

/** The options of a decision: how many issuers there are is known when all plugins are there. */
export interface DecidingOptions extends Omit<ReadAuthorizationOptions, 'issuers'> {
  readonly issuers: () => IssuerCount
}

/** @throws {AuthorizationOptionsError} `SALLYPORT_AUTHORIZATION_OPTIONS_INVALID`, naming every mistake */
export function readAuthorizationOptions(given: AuthorizationOptions): ReadAuthorizationOptions {
  return readOptions({ schema: authorizationOptions, error: AuthorizationOptionsError }, given)
}
