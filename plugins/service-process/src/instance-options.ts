import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { serverOptions, serverTls, type TlsMaterial } from '@sallyport/secure-transport'
import type { FastifyServerOptions } from 'fastify'
import { AccessLog } from './access-log.ts'
import { answerUnparsed } from './answer-unparsed.ts'
import { answerUnroutable, UNDECODABLE_PATH } from './answer-unroutable.ts'
import { loggerOptions } from './logger-options.ts'
import { requestLogFactory } from './request-log.ts'
import type { ProcessSettings } from './settings.ts'
import type { Tracing } from './tracing-contract.ts'
import { keepBelievedAddresses, trustedProxyRule } from './trusted-proxies.ts'

/** Arguments of {@link instanceOptions}. */
export interface InstanceFacts {
  /** Name of the process, in every line of the log. */
  readonly name: string
  readonly settings: Pick<ProcessSettings, 'logLevel' | 'trustedProxies'> &
    Partial<Pick<ProcessSettings, 'logAddresses'>>
  /** TLS of the main listener; left out: plain HTTP, for loopback only. */
  readonly tls?: TlsMaterial | undefined
  /** Whether clients are asked for a certificate that their tokens may be bound to. Default: no. */
  readonly asksForCertificates?: boolean
  readonly tracing?: Tracing | undefined
  /**
   * `own`: every request gets a new id, because callers are strangers. `caller`: the `X-Request-Id` of the caller when
   * it is well-formed, so that one id finds the request in every log.
   */
  readonly requestIds: 'own' | 'caller'
  /** Whether a proxy in front ends TLS: answers that no hook sees say so too, as `@sallyport/secure-transport` does. */
  readonly tlsEndsInFront?: boolean
}

const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Options to spread into `Fastify({ … })`, the same for every process: TLS and limits, request ids, forwarding headers
 * believed only from named proxies, logs without secrets, and validation that changes no input. They go with
 * `@sallyport/secure-transport`, which refuses requests without a `Host` in Node's place.
 */
export function instanceOptions(facts: InstanceFacts): FastifyServerOptions {
  const { name, settings, tls, tracing, requestIds, tlsEndsInFront = false } = facts
  const clientCertificates = facts.asksForCertificates === true ? 'asked' : 'none'
  const trusts = trustedProxyRule(settings.trustedProxies)
  const requestId = requestIds === 'own' ? () => randomUUID() : callerRequestId
  return {
    ...serverOptions(tls === undefined ? null : serverTls(tls, { clientCertificates }), { requireHostHeader: false }),
    // Fastify asks for an id before it makes a request of the raw one: nobody reads an address before this.
    genReqId: raw => {
      keepBelievedAddresses(raw, trusts)
      return requestId(raw)
    },
    requestIdHeader: false,
    frameworkErrors: answerUnroutable({ ...UNDECODABLE_PATH, tlsEndsInFront }),
    clientErrorHandler: answerUnparsed(tlsEndsInFront),
    trustProxy: settings.trustedProxies.length === 0 ? false : trusts,
    logController: new AccessLog(),
    childLoggerFactory: requestLogFactory,
    logger: loggerOptions({
      name,
      level: settings.logLevel,
      addresses: settings.logAddresses ?? 'network',
      ...(tracing && { traceIds: tracing.traceIds })
    }),
    // By default Fastify turns "5" into 5 and drops unknown members: decisions must be made over what was sent.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true, allErrors: false } }
  }
}

function callerRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
