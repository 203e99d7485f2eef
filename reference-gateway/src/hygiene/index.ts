import type { FastifyError } from '@fastify/error'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { MethodRefusedError, PathNotCanonicalError, UpgradeRefusedError, UrlTooLongError } from '../errors.ts'
import { targetMistake } from './canonical-path.ts'

/** The methods that the gateway serves. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const MAX_URL_BYTES = 8 * 1024

interface Refusal { readonly error: FastifyError & { headers?: Record<string, string> }, readonly reason: string }

/**
 * Refuses what has more than one reading before anything else looks at the request: no stage after this one needs to
 * normalise. Runs for unknown routes too.
 */
async function requestHygiene (fastify: FastifyInstance): Promise<void> {
  fastify.addHook('onRequest', function refuseAmbiguousRequest (request, _reply, done) {
    const refusal = refusalOf(request)
    if (refusal === null) return done()
    request.securityEvents.push({ stage: 'hygiene', outcome: 'denied', reason: refusal.reason })
    done(refusal.error)
  })
}

function refusalOf ({ raw }: FastifyRequest): Refusal | null {
  const { method = '', url = '', headers } = raw
  if (!METHODS.some(known => known === method)) {
    return { error: Object.assign(new MethodRefusedError(), { headers: { allow: METHODS.join(', ') } }), reason: 'method-refused' }
  }
  if (headers.upgrade !== undefined || headers['http2-settings'] !== undefined) return { error: new UpgradeRefusedError(), reason: 'upgrade-refused' }
  if (url.length > MAX_URL_BYTES) return { error: new UrlTooLongError(), reason: 'url-too-long' }
  const mistake = targetMistake(url)
  return mistake === null ? null : { error: new PathNotCanonicalError({ cause: new Error(mistake) }), reason: 'path-not-canonical' }
}

export default fastifyPlugin(requestHygiene, { name: '@sallyport/reference-gateway/request-hygiene', fastify: '5.x', decorators: { request: ['securityEvents'] } })
