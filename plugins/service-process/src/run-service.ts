import type { FastifyInstance } from 'fastify'
import type { DrainTimes } from './drain.ts'
import { endProcessWhenTold } from './end-process.ts'
import { outliveBrokenPipes } from './log-destination.ts'

/** Options of {@link runService}. */
export interface ServiceOptions extends DrainTimes {
  /** Name of the process, in the messages to its parent and on stderr. */
  readonly name: string
  /** Makes the app; reading settings belongs in here, so that their mistakes are told. */
  readonly build: () => Promise<FastifyInstance>
  readonly host: string
  readonly port: number
}

/** What a forked service says to its parent, once. */
export type ServiceMessage =
  | { readonly type: 'ready', readonly name: string, readonly url: string }
  | { readonly type: 'failed', readonly name: string, readonly message: string }

/**
 * The life of a service process: build, listen, say so to the parent, close gracefully on SIGTERM, SIGINT, an uncaught
 * error or the end of the parent. A failed boot is one clear message on stderr and exit code 1.
 */
export async function runService (options: ServiceOptions): Promise<void> {
  const { name } = options
  outliveBrokenPipes()
  // A parent that was killed cannot send a signal, but its end of the channel closes.
  const orphaned = Promise.withResolvers<undefined>()
  if (process.connected) process.once('disconnect', () => orphaned.resolve(undefined))
  else if (process.send !== undefined) process.exit(1)

  let app: FastifyInstance | undefined
  try {
    app = await Promise.race([options.build(), orphaned.promise])
    if (app === undefined) process.exit(1)
    endProcessWhenTold(app, options, orphaned.promise)
    const url = await app.listen({ host: options.host, port: options.port })
    await tellParent({ type: 'ready', name, url })
  } catch (error) {
    const message = bootFailure(error, options)
    console.error(`${name}: ${message}`)
    await tellParent({ type: 'failed', name, message })
    process.exit(1)
  }
}

/** One message for a person; a stack only when the error is a defect and not a mistake of the operator. */
function bootFailure (error: unknown, { host, port }: ServiceOptions): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  if (code === 'EADDRINUSE') return `port ${port} on ${host} is taken`
  if (code === 'EACCES') return `port ${port} on ${host} is not allowed for this user`
  // A host of which no address answers fails with an error of errors, whose own message is empty.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(inner => inner instanceof Error ? inner.message : String(inner)).join(', ')
  return code === null ? error.stack ?? error.message : error.message
}

async function tellParent (message: ServiceMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (process.send === undefined || !process.connected) return
  process.send(message, undefined, undefined, () => resolve())
  await promise
}
