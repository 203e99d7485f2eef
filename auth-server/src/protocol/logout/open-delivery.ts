import { getCACertificates } from 'node:tls'
import type { AuditSink } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../authorization-server.ts'
import { deliverNotices, NOTICES_AT_A_TIME, type DeliverNotices } from './deliver-notices.ts'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import { logoutTokenSender } from './send-logout-token.ts'

/** How notices of ended sessions get to clients. */
export interface LogoutDelivery {
  /** PEM of the authorities for the clients' servers. Default: those of the server's own TLS, else the system's. */
  readonly ca?: string
  /** For one attempt, in ms. */
  readonly timeoutMs?: number
  readonly schedule?: Schedule
}

const TIMEOUT_MS = 5000
/** From a session's end to the first attempt it takes this long at most. */
const INTERVAL_MS = 1000

/**
 * Delivers the notices of the database from when the app is ready until it closes, together with every other instance.
 * @param fastify with the audit log registered, where there is one
 */
export function openLogoutDelivery (fastify: FastifyInstance, server: AuthorizationServer, options: LogoutDelivery): void {
  const { ca = getCACertificates('default').join('\n'), timeoutMs = TIMEOUT_MS, schedule = scheduleByTimer } = options
  const sender = logoutTokenSender({ ca, timeoutMs })
  const delivery: DeliverNotices = {
    server,
    send: sender.send,
    audit: sinkOf(fastify),
    onFailure: ({ clientId, sessionId, attempts }, err) => { fastify.log.warn({ err, clientId, sessionId, attempts }, 'logout notice not delivered') }
  }
  let timer: { readonly stop: () => void } | null = null
  let isClosing = false
  let running: Promise<void> = Promise.resolve()

  const run = async (): Promise<void> => {
    running = deliverAll(delivery, () => isClosing).catch((err: unknown) => { fastify.log.error({ err }, 'logout notices cannot be delivered') })
    await running
  }
  fastify.addHook('onReady', function startLogoutDelivery (next) {
    timer = schedule(run, INTERVAL_MS)
    next()
  })
  fastify.addHook('preClose', async function stopLogoutDelivery () {
    isClosing = true
    timer?.stop()
    await running
    await sender.close()
  })
}

/** A store without a database has no audit trail: its events go to the log, which promises nothing. */
function sinkOf (fastify: FastifyInstance): AuditSink {
  if (fastify.hasDecorator('auditSink')) return fastify.auditSink
  return { write: async audit => { fastify.log.info({ audit }, 'audit event') } }
}

async function deliverAll (delivery: DeliverNotices, isClosing: () => boolean): Promise<void> {
  let tried = NOTICES_AT_A_TIME
  while (tried === NOTICES_AT_A_TIME && !isClosing()) tried = await deliverNotices(delivery)
}
