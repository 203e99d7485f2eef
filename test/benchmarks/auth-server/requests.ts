import type { LoadRequest } from '../support/types.ts'

/**
 * Refresh chains, each a session of its own. The peer's memory adapter keeps a thousand entries and walks all tokens of
 * a chain at each step, so more chains would lose their grants, and fewer would be longer and dearer for it.
 */
export const CHAINS = 128
/** Different tokens that are introspected in turn. */
export const INTROSPECTIONS = 64

/** A form POST with client_secret_basic, which both servers understand. */
export function form(
  path: string,
  client: { id: string; secret: string },
  parameters: Readonly<Record<string, string>>
): LoadRequest {
  return {
    method: 'POST',
    path,
    headers: {
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded'
    },
    body: new URLSearchParams(parameters).toString()
  }
}
