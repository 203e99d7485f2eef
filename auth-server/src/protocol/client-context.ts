import type { WriteAudit } from '../store/contract.ts'
import type { Client } from '../store/records.ts'
import type { AuthorizationServer } from './authorization-server.ts'

/** One request of an authenticated client: what the process has, who asks, and where the act is recorded. */
export interface ClientContext {
  readonly server: AuthorizationServer
  readonly client: Client
  readonly audit: WriteAudit
}
