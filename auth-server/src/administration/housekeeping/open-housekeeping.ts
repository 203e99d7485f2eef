import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import { tidy } from './tidy.ts'

/** Tidies from when the app is ready until it closes; of several instances one at a time does. */
export function openHousekeeping (fastify: FastifyInstance, { store, clock }: AuthorizationServer, intervalMs: number, schedule: Schedule = scheduleByTimer): void {
  let timer: { readonly stop: () => void } | null = null
  let isClosing = false
  let running: Promise<void> = Promise.resolve()
  const run = async (): Promise<void> => {
    running = tidy(store, clock(), { isClosing: () => isClosing }).then(
      removed => { if (removed !== null && Object.values(removed).some(count => count > 0)) fastify.log.info({ removed }, 'expired rows removed') },
      (err: unknown) => { fastify.log.warn({ err }, 'expired rows cannot be removed now') }
    )
    await running
  }
  fastify.addHook('onReady', function startHousekeeping (next) {
    timer = schedule(run, intervalMs)
    next()
  })
  fastify.addHook('preClose', async function stopHousekeeping () {
    isClosing = true
    timer?.stop()
    await running
  })
}
