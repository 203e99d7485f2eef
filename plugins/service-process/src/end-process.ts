import type { FastifyInstance } from 'fastify'
import { watchConnections } from './connections.ts'
import { drain, drainLimits, type DrainTimes } from './drain.ts'
import { startExitWatchdog } from './exit-watchdog.ts'
import { closeTogether, furtherServers } from './further-servers.ts'
import { flushStandardLog } from './log-destination.ts'
import { isTyped } from './workers/worker-messages.ts'

const END_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const
const FLUSH_MS = 1000
/** How long the last step may exceed its limits before the process is killed. */
const EXIT_MARGIN_MS = 2000

/** Why a process ends: only a signal leaves time for a load balancer. */
type ProcessEndReason =
  { readonly signal: string } | { readonly replaced: true } | { readonly err: unknown } | { readonly orphaned: true }

/**
 * Ends the process in phases and in bounded time, on a signal, an uncaught error or the end of its parent. The exit
 * code is 0 when everything closed and no request was cut, otherwise 1. A second signal ends the drain delay, a third
 * the process.
 * @param orphaned resolves when the parent is gone
 * @param release closes the collaborators, after the app is closed
 * @param readAgain what SIGHUP does; without it that signal ends the process too, as a terminal that closes expects
 * @returns to be called when the app listens, because it may then have several servers
 */
export function endProcessWhenTold(
  app: FastifyInstance,
  times: DrainTimes,
  orphaned: Promise<undefined>,
  release: () => Promise<void> = async () => {},
  readAgain?: () => Promise<void>
): () => void {
  drainLimits(times)
  const connections = watchConnections(app.server)
  const skipDelay = new AbortController()
  let ending = false

  async function end(reason: ProcessEndReason): Promise<void> {
    if (ending) return
    ending = true
    // As they are now: how long requests may take can have changed.
    const limits = drainLimits(times)
    startExitWatchdog(limits.drainDelayMs + limits.closeTimeoutMs + limits.releaseTimeoutMs + FLUSH_MS + EXIT_MARGIN_MS)
    if (!('signal' in reason || 'replaced' in reason)) skipDelay.abort()
    if ('err' in reason) {
      app.log.fatal({ err: reason.err }, 'an uncaught error ends the process')
      if (app.hasDecorator('exceptions')) app.exceptions.note(reason.err, { origin: 'process' })
    } else app.log.info(reason, 'closing')
    const outcome = await drain(app, connections, limits, skipDelay.signal, release, 'replaced' in reason)
    if (outcome === 'stuck') {
      app.log.error(`the process ends: something did not close within ${limits.releaseTimeoutMs} ms`)
    }
    await exitFlushed(outcome === 'complete' && !('err' in reason) ? 0 : 1)
  }

  function start(reason: ProcessEndReason): void {
    end(reason).catch(async (err: unknown) => {
      app.log.error({ err }, 'the process ends: closing failed')
      await exitFlushed(1)
    })
  }

  function endBySignal(signal: string): void {
    if (!ending) start({ signal })
    else if (skipDelay.signal.aborted) process.exit(1)
    else skipDelay.abort()
  }

  for (const signal of END_SIGNALS) process.on(signal, endBySignal)
  followSupervisor(
    () => {
      endBySignal('SIGTERM')
    },
    () => {
      start({ replaced: true })
    }
  )
  // Without a listener the signal would kill the process.
  process.on('SIGUSR2', () => {
    if (app.hasDecorator('logLevels')) app.logLevels.cycle()
  })
  if (readAgain === undefined) process.on('SIGHUP', endBySignal)
  else process.on('SIGHUP', onHangup(app, readAgain))
  // Rejections that nobody handles arrive here as well.
  process.on('uncaughtException', err => {
    if (ending) app.log.error({ err }, 'an uncaught error while the process ends')
    else start({ err })
  })
  void orphaned.then(() => {
    start({ orphaned: true })
  })

  return () => {
    const further = furtherServers(app)
    for (const server of further) connections.add(server)
    closeTogether(app.server, further)
  }
}

/** The supervisor of several workers tells them by message: a signal of the terminal reaches all of them by itself. */
function followSupervisor(end: () => void, retire: () => void): void {
  process.on('message', (message: unknown) => {
    if (!isTyped(message)) return
    if (message.type === 'end') end()
    else if (message.type === 'retire') retire()
  })
}

/** Whatever reading again ends with, the process goes on as it was. */
function onHangup(app: FastifyInstance, readAgain: () => Promise<void>): () => void {
  return () => {
    readAgain().catch((err: unknown) => {
      app.log.error({ err }, 'SIGHUP changed nothing')
    })
  }
}

async function exitFlushed(code: number): Promise<void> {
  await flushStandardLog(FLUSH_MS)
  process.exit(code)
}
