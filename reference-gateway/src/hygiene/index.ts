import { SERVED_METHODS, targetMistake } from '@sallyport/forwarding'
import { breakOff } from '@sallyport/secure-transport'
import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyError } from '@fastify/error'
import { canonicalHosts, type CanonicalHost, type TrustsAddress } from '@sallyport/service-process'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import {
  HostRefusedError,
  MethodRefusedError,
  PathNotCanonicalError,
  SchemeRefusedError,
  UpgradeRefusedError,
  UrlTooLongError,
  VersionRefusedError
} from '../errors.ts'

const MAX_URL_BYTES = 8 * 1024

/** Older proxies speak 1.0 to the servers behind them. */
const SERVED_VERSIONS: readonly string[] = ['1.0', '1.1']

/** Options of the request hygiene. */
export interface RequestHygieneOptions {
  /** Names under which clients reach the edge, see {@link canonicalHosts}. */
  readonly allowedHosts: readonly string[]
  /** Address that the edge listens on. */
  readonly listenerHost: string
  /** What browsers use, when the settings say so; `undefined`: what each request came over. */
  readonly scheme: 'https' | 'http' | undefined
  /** Whose `X-Forwarded-Proto` is believed. */
  readonly trusts: TrustsAddress
  /** Whether a request may ask for another protocol: all others that do are refused. */
  readonly takesUpgrade: (request: FastifyRequest) => boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The host that the request is for, as this deployment spells it. */
    publicHost: string
    /** `https` or `http`: what browsers use to reach the edge. */
    publicScheme: string
  }
}

interface HygieneRefusal {
  readonly error: FastifyError & { headers?: Record<string, string> }
  readonly reason: string
}

/**
 * Refuses what has more than one reading before anything else sees the request, so that no later stage has to
 * normalise. Runs for unknown routes too.
 */
async function requestHygiene(fastify: FastifyInstance, options: RequestHygieneOptions): Promise<void> {
  const canonicalHost = canonicalHosts(options.allowedHosts, options.listenerHost)
  const { scheme, trusts, takesUpgrade } = options
  fastify.decorateRequest('publicHost', '')
  fastify.decorateRequest('publicScheme', '')
  fastify.addHook('onRequest', function refuseAmbiguousRequest(request, reply, done) {
    // By default an answer is for one caller; a header of a service or a route replaces this one.
    void reply.header('cache-control', 'no-store')
    request.publicScheme = scheme ?? request.protocol
    const refusal =
      refusalOfRequest(request, takesUpgrade) ??
      refusalOfHost(request, canonicalHost) ??
      refusalOfScheme(request, trusts)
    if (refusal === null) return done()
    recordSecurityEvent(request, { stage: 'hygiene', outcome: 'denied', reason: refusal.reason })
    done(refusal.error)
  })
}

function refusalOfRequest(
  request: FastifyRequest,
  takesUpgrade: RequestHygieneOptions['takesUpgrade']
): HygieneRefusal | null {
  const { raw } = request
  const { method = '', url = '', headers, httpVersion } = raw
  if (!SERVED_VERSIONS.includes(httpVersion)) {
    // Parsers disagree on where such a request ends.
    breakOff(raw)
    const error = Object.assign(new VersionRefusedError(), { headers: { connection: 'close' } })
    return { error, reason: 'version-refused' }
  }
  if (!SERVED_METHODS.some(known => known === method)) {
    return {
      error: Object.assign(new MethodRefusedError(), { headers: { allow: SERVED_METHODS.join(', ') } }),
      reason: 'method-refused'
    }
  }
  const asksForAnother = headers.upgrade !== undefined && !takesUpgrade(request)
  if (asksForAnother || headers['http2-settings'] !== undefined) {
    return { error: new UpgradeRefusedError(), reason: 'upgrade-refused' }
  }
  if (url.length > MAX_URL_BYTES) return { error: new UrlTooLongError(), reason: 'url-too-long' }
  const mistake = targetMistake(url)
  return mistake === null
    ? null
    : { error: new PathNotCanonicalError({ cause: new Error(mistake) }), reason: 'path-not-canonical' }
}

function refusalOfHost(request: FastifyRequest, canonicalHost: CanonicalHost): HygieneRefusal | null {
  const named = request.raw.httpVersion === '1.0' && request.raw.headers.host === undefined ? undefined : request.host
  const host = canonicalHost(named, request.publicScheme, request.raw.socket.localPort)
  if (host === null) return { error: new HostRefusedError(), reason: 'host-refused' }
  request.publicHost = host
  return null
}

/** A proxy took it over plain HTTP where browsers have to use TLS: what the request holds was sent in the clear. */
function refusalOfScheme(request: FastifyRequest, trusts: TrustsAddress): HygieneRefusal | null {
  const { headers, publicScheme, protocol, raw } = request
  const isTold = headers['x-forwarded-proto'] !== undefined && trusts(raw.socket.remoteAddress)
  if (publicScheme !== 'https' || !isTold || protocol === 'https') return null
  return { error: new SchemeRefusedError(), reason: 'scheme-refused' }
}

export default fastifyPlugin(requestHygiene, {
  name: '@sallyport/reference-gateway/request-hygiene',
  fastify: '5.x',
  decorators: { request: ['securityEvents'] }
})
