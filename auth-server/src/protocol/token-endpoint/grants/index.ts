import type { Grant } from '../grant.ts'
import * as authorizationCode from './authorization-code.ts'
import * as clientCredentials from './client-credentials.ts'
import * as password from './password.ts'
import * as refreshToken from './refresh-token.ts'
import * as tokenExchange from './token-exchange.ts'

/** Every grant of the token endpoint, by the value of `grant_type`. */
export const GRANTS: ReadonlyMap<string, Grant> = new Map(
  [authorizationCode, password, refreshToken, clientCredentials, tokenExchange].map(grant => [grant.name, grant])
)
