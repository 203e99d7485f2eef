import { answerUnroutable } from '@sallyport/service-process'
import type { FastifyServerOptions } from 'fastify'
import { PathNotCanonicalError } from './errors.ts'

/**
 * What Fastify does differently at the edge: one way to read a path, and an answer of our own for one that has none.
 */
export function edgeServerOptions(): FastifyServerOptions {
  const { code, message: title } = new PathNotCanonicalError()
  return {
    routerOptions: { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false },
    // What comes in that moment is refused before Fastify, which has a fixed body for it: see the end of a process.
    return503OnClosing: false,
    frameworkErrors: answerUnroutable({ code, title, reason: 'path-not-canonical' })
  }
}
