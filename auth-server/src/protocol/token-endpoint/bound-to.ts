import type { Confirmation } from '../../store/confirmation.ts'
import type { AuthorizationServer } from '../authorization-server.ts'

/**
 * The server as one request sees it whose client has proven these keys: every access token that it issues is bound to
 * them.
 */
export function boundTo(server: AuthorizationServer, confirmation: Confirmation | null): AuthorizationServer {
  if (confirmation === null) return server
  return Object.freeze<AuthorizationServer>({
    ...server,
    confirmation,
    issueAccessToken: async (client, facts) => await server.issueAccessToken(client, { ...facts, confirmation })
  })
}
