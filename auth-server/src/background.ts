import { publicAuthorities } from '@sallyport/secure-transport'
import type { AuditSink } from '@sallyport/security-context'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import { tidy } from './administration/tidy.ts'
import type { AuthorizationServer } from './protocol/authorization-server.ts'
import { deliverAllNotices, type DeliverNotices } from './protocol/logout/deliver-notices.ts'
import { logoutTokenSender } from './protocol/logout/send-logout-token.ts'

/** What the app does between requests, and when. */
export interface BackgroundOptions {
  /** From the end of one removal of expired rows to the next one. */
  readonly housekeepingIntervalMs: number
  readonly housekeepingSchedule?: Schedule | undefined
  readonly logoutDelivery: LogoutDelivery
}

/** How notices of ended sessions get to clients. */
export interface LogoutDelivery {
  /** PEM of the authorities for the clients' servers. Default: those of the server's own TLS, else the system's. */
  readonly ca?: string
  /** For one attempt, in ms. */
  readonly timeoutMs?: number
  readonly schedule?: Schedule
}

/** Something that is done again and again. */
interface Job {
  readonly intervalMs: number
  readonly schedule: Schedule
  /** Does not reject; ends early once `isClosing`. */
  readonly run: (isClosing: () => boolean) => Promise<void>
  /** After the last run. */
  readonly close?: () => Promise<void>
}

const DELIVERY_TIMEOUT_MS = 5000
/** From a session's end to the first attempt it takes this long at most. */
const DELIVERY_INTERVAL_MS = 1000

/**
 * Starts what the app does on its own, from when it is ready until it closes; every other instance does the same.
 * @param fastify with the audit log registered, where there is one
 */
export function openBackground(
  fastify: FastifyInstance,
  server: AuthorizationServer,
  options: BackgroundOptions
): void {
  openJob(fastify, {
    intervalMs: options.housekeepingIntervalMs,
    schedule: options.housekeepingSchedule ?? scheduleByTimer,
    run: async isClosing => {
      await removeExpiredRows(fastify, server, isClosing)
    }
  })
  openJob(fastify, logoutDeliveryJob(fastify, server, options.logoutDelivery))
}

/** The app waits for the run that its end finds. */
function openJob(fastify: FastifyInstance, { intervalMs, schedule, run, close }: Job): void {
  let timer: { readonly stop: () => void } | null = null
  let isClosing = false
  let running: Promise<void> = Promise.resolve()

  fastify.addHook('onReady', function startJob(next) {
    timer = schedule(async () => {
      running = run(() => isClosing)
      await running
    }, intervalMs)
    next()
  })
  fastify.addHook('preClose', async function stopJob() {
    isClosing = true
    timer?.stop()
    await running
    await close?.()
  })
}

/** Of several instances one at a time does. */
async function removeExpiredRows(
  fastify: FastifyInstance,
  { store, clock }: Pick<AuthorizationServer, 'store' | 'clock'>,
  isClosing: () => boolean
): Promise<void> {
  try {
    const removed = await tidy(store, clock(), { isClosing })
    if (removed === null || Object.values(removed).every(count => count === 0)) return
    fastify.log.info({ removed }, 'expired rows removed')
  } catch (err) {
    fastify.log.warn({ err }, 'expired rows cannot be removed now')
  }
}

/** Delivers the notices of the database, together with every other instance. */
function logoutDeliveryJob(fastify: FastifyInstance, server: AuthorizationServer, options: LogoutDelivery): Job {
  const { ca = publicAuthorities(), timeoutMs = DELIVERY_TIMEOUT_MS, schedule = scheduleByTimer } = options
  const sender = logoutTokenSender({ ca, timeoutMs })
  const delivery: DeliverNotices = {
    server,
    send: sender.send,
    audit: sinkOf(fastify),
    onFailure: ({ clientId, sessionId, attempts }, err) => {
      fastify.log.warn({ err, clientId, sessionId, attempts }, 'logout notice not delivered')
    }
  }
  return {
    intervalMs: DELIVERY_INTERVAL_MS,
    schedule,
    run: async isClosing => {
      try {
        await deliverAllNotices(delivery, isClosing)
      } catch (err) {
        fastify.log.error({ err }, 'logout notices cannot be delivered')
      }
    },
    close: sender.close
  }
}

/** A store without a database has no audit trail: its events go to the log, which promises nothing. */
function sinkOf(fastify: FastifyInstance): AuditSink {
  if (fastify.hasDecorator('auditSink')) return fastify.auditSink
  return {
    write: async audit => {
      fastify.log.info({ audit }, 'audit event')
    }
  }
}
