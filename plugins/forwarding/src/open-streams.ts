import type { FastifyInstance } from 'fastify'

/** The streams of an app whose access nobody watches. */
export interface OpenStreams {
  /**
   * @param finish ends a stream as if the service had
   * @returns removes the stream, because it has ended by itself
   */
  readonly add: (finish: () => void) => () => void
}

/** Streams that end when the app begins to close: nothing else would end them, and the app would wait for them. */
export function openStreamsOf(fastify: FastifyInstance): OpenStreams {
  const open = new Set<() => void>()
  let isFinishing = false
  fastify.addHook('preClose', async function finishStreams() {
    isFinishing = true
    for (const finish of open) finish()
  })
  return {
    add(finish) {
      open.add(finish)
      if (isFinishing) finish()
      return () => {
        open.delete(finish)
      }
    }
  }
}
