import { custom, optionsObject, readOptions, Type, type ReadOptions } from '@sallyport/security-context/options'
import type { Knex } from 'knex'
import { InvalidOptionsError } from './errors.ts'

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
}

export const aclOptions = optionsObject({
  db: custom<Knex>('a knex instance', value => typeof value === 'function'),
  timeoutMs: Type.Integer({ minimum: 1, default: 2000 })
})

export const authorizationOptions = optionsObject({
  acl: Type.Optional(aclOptions),
  existence: Type.Enum(['hide', 'reveal'], { default: 'hide' })
})

/** Options with every default filled in. */
export type ReadAuthorizationOptions = ReadOptions<typeof authorizationOptions>

/** @throws {InvalidOptionsError} `SALLYPORT_AUTHORIZATION_OPTIONS_INVALID`, naming every mistake */
export function readAuthorizationOptions(given: AuthorizationOptions): ReadAuthorizationOptions {
  return readOptions({ schema: authorizationOptions, error: InvalidOptionsError }, given)
}
