import type { Flow } from '../flow.ts'
import { apiClientFlow } from './1-api-client.ts'
import { loginClientFlow } from './2-login-client.ts'
import { tokenClientsFlow } from './3-token-clients.ts'
import { serviceToServiceFlow } from './4-service-to-service.ts'
import { authorizationFlow } from './5-authorization.ts'
import { auditFlow } from './6-audit.ts'
import { configurationFlow } from './7-configuration.ts'
import { operationsFlow } from './8-operations.ts'
import { tracingFlow } from './9-tracing.ts'
import { liveConfigurationFlow } from './10-live-configuration.ts'
import { alertsFlow } from './11-alerts.ts'
import { browserLoginFlow } from './12-browser-login.ts'

/** The flows, in the order in which a newcomer reads them. */
export const flows: readonly Flow[] = [
  apiClientFlow,
  loginClientFlow,
  tokenClientsFlow,
  serviceToServiceFlow,
  authorizationFlow,
  auditFlow,
  configurationFlow,
  operationsFlow,
  tracingFlow,
  liveConfigurationFlow,
  alertsFlow,
  browserLoginFlow
]
