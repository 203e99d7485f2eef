import type { FastifyInstance } from 'fastify'
import { exchange, login } from '../../support/authorization-server.ts'

/** An access token for the administration, of the demo's administrator. */
export async function tokenOfAdministrator(app: FastifyInstance): Promise<string> {
  return (await exchange(app, (await login(app, 'admin1')).body.access_token, 'auth-server')).body.access_token
}
