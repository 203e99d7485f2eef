import type { GrantType } from '../../../store/grant-types.ts'
import type { Grant } from '../grant.ts'
import { authorizationCodeGrant } from './authorization-code.ts'
import { clientCredentialsGrant } from './client-credentials.ts'
import { passwordGrant } from './password.ts'
import { refreshTokenGrant } from './refresh-token.ts'
import { tokenExchangeGrant } from './token-exchange.ts'

/**
 * Every grant of the token endpoint. The token endpoint, the metadata, the registration of clients and the command line
 * all read this table.
 */
export const GRANTS: Readonly<Record<GrantType, Grant>> = {
  authorization_code: authorizationCodeGrant,
  password: passwordGrant,
  refresh_token: refreshTokenGrant,
  client_credentials: clientCredentialsGrant,
  'urn:ietf:params:oauth:grant-type:token-exchange': tokenExchangeGrant
}
