import { requirePrincipal, type Principal, type Resource } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'

/** What reading is decided over: the application that is asked for, and whether the caller is an application. */
export async function requestedApplication(request: FastifyRequest): Promise<Resource | null> {
  const { params } = request
  const application: unknown =
    typeof params === 'object' && params !== null && 'application' in params && params.application
  if (typeof application !== 'string') return null
  return { application, isClientToken: isClientToken(requirePrincipal(request)) }
}

/** Of the client itself, for nobody: a user whose subject is the name of an application is not that application. */
function isClientToken({ subject, clientId, actor }: Principal): boolean {
  return actor === null && clientId !== null && subject === clientId
}
