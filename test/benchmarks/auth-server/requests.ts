import type { LoadRequest } from '../harness/types.ts'

/** Concurrent refresh chains: each is a session of its own. */
export const CHAINS = 32
/** Different tokens that are introspected in turn. */
export const INTROSPECTIONS = 64

/** A form POST with client_secret_basic, which both servers understand. */
export function form (path: string, client: { id: string, secret: string }, parameters: Readonly<Record<string, string>>): LoadRequest {
  return {
    method: 'POST',
    path,
    headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters).toString()
  }
}
