import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import forwarding, { type ForwardedRouteOptions, type OpenAnswer, type ForwardingDefaults } from '@sallyport/forwarding'
import { createPeerAgent, type PeerAgent, type PeerAgentOptions } from '@sallyport/secure-transport'
import securityContext, { type AuditEvent, problemDetails, type SecurityEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { makeAuthority } from '../certificates.ts'
import { type RawService, startRawService } from './raw-service.ts'

/** The ways in which an app can forward. */
export type ForwardingStep = 'lean' | 'ordinary'

/** How a request ended, for Fastify. */
export interface EndOfRequest {
  readonly method: string
  readonly status: number
  readonly events: readonly SecurityEvent[]
}

/** An app that forwards `/orders` to one service, without a gateway around it. */
export interface ForwardingApp {
  readonly app: FastifyInstance
  readonly port: number
  readonly url: string
  readonly service: RawService
  readonly agent: PeerAgent
  /** What the hook `onResponse` saw. */
  readonly ends: EndOfRequest[]
  /** Answers that are not closed yet. */
  readonly underWay: () => number
  /** Answers that were under way for longer than one read of their service. */
  readonly watched: OpenAnswer[]
  readonly audited: AuditEvent[]
}

export interface ForwardingAppOptions {
  readonly step?: ForwardingStep
  readonly route?: Partial<ForwardedRouteOptions>
  readonly defaults?: ForwardingDefaults
  readonly agent?: Partial<PeerAgentOptions>
  readonly service?: RawService
  /** Adds hooks before the routes. */
  readonly before?: (app: FastifyInstance) => unknown
  /** In the place of the exchange, which answers at once. */
  readonly exchangeToken?: () => Promise<string>
}

const authority = await makeAuthority()

/** Starts an app that forwards; everything about its callers is granted. */
export async function startForwarding(
  t: Pick<Test, 'after'>,
  options: ForwardingAppOptions = {}
): Promise<ForwardingApp> {
  const service = options.service ?? (await startRawService(t))
  const agent = createPeerAgent({ ca: authority.certificate, ...options.agent })
  const ends: EndOfRequest[] = []
  const watched: OpenAnswer[] = []
  const audited: AuditEvent[] = []
  const app = Fastify({ forceCloseConnections: true })
  await app.register(securityContext, { traceId: () => '0'.repeat(32), txn: () => 'txn' })
  await app.register(problemDetails)
  app.decorateRequest('exchangeToken', options.exchangeToken ?? (async () => 'token'))
  app.decorateRequest('dropExchangedToken', () => {})
  app.addHook('onRequest', function grantEverything(request, _reply, done) {
    request.principal = { subject: 'alice', clientId: null, sessionId: null, claims: {} } as never
    done()
  })
  app.addHook('onResponse', function noteEnd(request, reply, done) {
    ends.push({ method: request.method, status: reply.statusCode, events: [...request.securityEvents] })
    done()
  })
  // Forwarding does not know what such a hook does.
  if (options.step === 'ordinary') {
    app.addHook('onSend', function foreignHook(_request, _reply, _payload, done) {
      done()
    })
  }
  options.before?.(app)
  await app.register(forwarding, {
    defaults: {
      maxBodyBytes: 64 * 1024,
      requestHeaders: { pass: ['x-tenant'] },
      ...options.defaults
    },
    upstreams: { orders: { origin: service.origin } },
    routes: ['/orders', '/orders/*'].map(path => ({
      path,
      upstream: 'orders',
      access: 'authenticated' as const,
      forward: { audience: 'orders' },
      ...options.route
    })),
    dispatcher: agent,
    tracingHeaders: () => ({ traceparent: '00-trace' }),
    edgeAddress: () => ({ host: 'edge.example', scheme: 'https' }),
    auditSink: {
      write: async event => {
        audited.push(event)
      }
    },
    openAnswers: {
      add: answer => {
        watched.push(answer)
        return () => {}
      },
      endSessions: () => {},
      finish: () => {},
      size: () => watched.length,
      close: () => {}
    }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(async () => {
    await app.close()
    await agent.destroy()
  })
  let started = 0
  app.server.on('request', (_request, response: ServerResponse) => {
    started++
    response.once('close', () => {
      setImmediate(() => started--)
    })
  })
  const { port } = app.server.address() as AddressInfo
  return { app, port, url: `http://127.0.0.1:${port}`, service, agent, ends, underWay: () => started, watched, audited }
}
