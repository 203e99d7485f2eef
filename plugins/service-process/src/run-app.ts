import type { FastifyInstance } from 'fastify'
import { bootFailure } from './boot-failure.ts'
import type { DrainTimes } from './drain.ts'
import { endProcessWhenTold } from './end-process.ts'
import { outliveBrokenPipes } from './log-destination.ts'

/** An app that is ready to listen, where it listens, and how it ends. */
export interface StartedApp {
  readonly app: FastifyInstance
  readonly host: string
  readonly port: number
  /** How long each step of the end may take. */
  readonly times?: DrainTimes
  /** Closes the collaborators, after the app is closed. */
  readonly release?: () => Promise<void>
  /** Reads again what can change while the process runs, at SIGHUP. Without it SIGHUP ends the process. */
  readonly readAgain?: () => Promise<void>
}

/** What a forked service sends its parent, once. */
export type ServiceMessage =
  | { readonly type: 'ready'; readonly name: string; readonly url: string }
  | { readonly type: 'failed'; readonly name: string; readonly message: string }

/**
 * Runs an app: starts it, listens, tells the parent, and ends it in phases on SIGTERM, SIGINT, an uncaught error or the
 * end of the parent. A failed boot is one clear message on stderr and exit code 1.
 * @param name of the process, in the messages to its parent and on stderr
 * @param start makes the app; it reads the settings too, so that their mistakes are reported
 */
export async function runApp(name: string, start: () => Promise<StartedApp>): Promise<void> {
  outliveBrokenPipes()
  // A killed parent cannot send a signal, but its end of the channel closes.
  const orphaned = Promise.withResolvers<undefined>()
  if (process.connected) process.once('disconnect', () => orphaned.resolve(undefined))
  else if (process.send !== undefined) process.exit(1)

  let place: Pick<StartedApp, 'host' | 'port'> | null = null
  try {
    const started = await Promise.race([start(), orphaned.promise])
    if (started === undefined) process.exit(1)
    place = started
    const listens = endProcessWhenTold(
      started.app,
      started.times ?? {},
      orphaned.promise,
      started.release,
      started.readAgain
    )
    const url = await started.app.listen({ host: started.host, port: started.port })
    listens()
    await tellParent({ type: 'ready', name, url })
  } catch (error) {
    const message = bootFailure(error, place)
    console.error(`${name}: ${message}`)
    await tellParent({ type: 'failed', name, message })
    process.exit(1)
  }
}

/** Tells whoever forked this process; resolves when that is written. */
export async function tellParent(message: ServiceMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (process.send === undefined || !process.connected) return
  process.send(message, undefined, undefined, () => resolve())
  await promise
}
