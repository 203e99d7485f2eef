import type { FastifyError } from '@fastify/error'
import { logRefusal } from '@sallyport/security-context'
import { errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSallyportError } from '../errors.ts'

/** What a page of a refusal says, apart from its words. */
export interface BegunRefusal {
  readonly status: number
  /** Stable, for whoever is asked for help; `null`: the error has none of ours. */
  readonly code: string | null
}

/** Logs what a page is about to answer, and sets the fields that its error brings, such as `Retry-After`. */
export function beginRefusal(
  error: FastifyError & { readonly headers?: Readonly<Record<string, string>> },
  request: FastifyRequest,
  reply: FastifyReply
): BegunRefusal {
  const given = error.validation === undefined ? errorStatus(error) : 400
  const status = given !== null && given >= 400 && given < 600 ? given : 500
  logRefusal(request, error, status)
  if (!isSallyportError(error)) return { status, code: null }
  if (error.headers !== undefined) void reply.headers(error.headers)
  return { status, code: error.code }
}
