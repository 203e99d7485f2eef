import { answerUnroutable } from '@sallyport/service-process'
import type { FastifyServerOptions } from 'fastify'
import { PathNotCanonicalError } from './errors.ts'

/**
 * What Fastify does differently at the edge: one way to read a path, and our own answer for a path that cannot be read.
 * @param tlsEndsInFront whether clients use TLS that a proxy ends
 */
export function edgeServerOptions(tlsEndsInFront: boolean): FastifyServerOptions {
  const { code, message: title } = new PathNotCanonicalError()
  return {
    routerOptions: { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false },
    // Requests that arrive while it closes are refused before Fastify, whose body is fixed: see `service-process`.
    return503OnClosing: false,
    frameworkErrors: answerUnroutable({ code, title, reason: 'path-not-canonical', tlsEndsInFront })
  }
}
