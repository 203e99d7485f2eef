import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyRequest } from 'fastify'
import type { Principal } from './principal.ts'

const requests = new AsyncLocalStorage<FastifyRequest>()

/** Runs `next` so that everything it starts finds `request` again; used by the plugin's first hook. */
export function runWithRequest(request: FastifyRequest, next: () => void): void {
  requests.run(request, next)
}

/**
 * The principal of the request that this code runs for, in code too deep to be handed the request: the analogue of a
 * thread-local security context. `null` outside a request, before authentication, and in `onRequestAbort` (use
 * `request.principal` there).
 */
export function currentPrincipal(): Principal | null {
  return requests.getStore()?.principal ?? null
}

/** The request that this code runs for, `null` outside one. */
export function currentRequest(): FastifyRequest | null {
  return requests.getStore() ?? null
}
