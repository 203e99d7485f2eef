import type { Flow } from '../flow.ts'
import { apiClient } from './1-api-client.ts'
import { loginClient } from './2-login-client.ts'
import { tokenClients } from './3-token-clients.ts'
import { serviceToService } from './4-service-to-service.ts'
import { authorization } from './5-authorization.ts'
import { audit } from './6-audit.ts'
import { configuration } from './7-configuration.ts'
import { operations } from './8-operations.ts'
import { tracing } from './9-tracing.ts'

/** The nine flows, in the order in which a newcomer reads them. */
export const flows: readonly Flow[] = [
  apiClient,
  loginClient,
  tokenClients,
  serviceToService,
  authorization,
  audit,
  configuration,
  operations,
  tracing
]
