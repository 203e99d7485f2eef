import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyRequest } from 'fastify'
import { RequestsNotFollowedError } from './errors.ts'
import type { Principal } from './principal.ts'

/** Made by the first app that asks for it: what nobody reads costs no request anything. */
let requests: AsyncLocalStorage<FastifyRequest | null> | null = null

/**
 * Lets code find the request that it runs for, from now on.
 * @returns runs `next` so that everything it starts finds `request` again
 */
export function followRequests(): (request: FastifyRequest, next: () => void) => void {
  const storage = (requests ??= new AsyncLocalStorage())
  return (request, next) => {
    storage.run(request, next)
  }
}

/**
 * The principal of the request that this code runs for, in code too deep to be handed the request: the analogue of a
 * thread-local security context. `null` outside a request, before authentication, and in `onRequestAbort` (use
 * `request.principal` there).
 * @throws {RequestsNotFollowedError} `SALLYPORT_CONTEXT_NOT_FOLLOWED` where no app asked for `followRequests`
 */
export function currentPrincipal(): Principal | null {
  return currentRequest()?.principal ?? null
}

/**
 * The request that this code runs for, `null` outside one.
 * @throws {RequestsNotFollowedError} `SALLYPORT_CONTEXT_NOT_FOLLOWED` where no app asked for `followRequests`
 */
export function currentRequest(): FastifyRequest | null {
  if (requests === null) throw new RequestsNotFollowedError()
  return followedRequest()
}

/** The same for code that does without: `null` also where no app asked for `followRequests`. */
export function followedRequest(): FastifyRequest | null {
  return requests?.getStore() ?? null
}

/** Runs work that belongs to several requests, or to none, and not to the one that happens to begin it. */
export function outsideRequests<Result>(run: () => Result): Result {
  return requests === null ? run() : requests.run(null, run)
}
