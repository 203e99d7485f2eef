import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

const ORDER_LOOK_MS = 1000

/** Pauses that end, by rejecting, when the app begins to close: nothing of it has to wait for them. */
export function startPauses(fastify: FastifyInstance): () => Promise<void> {
  const closing = new AbortController()
  fastify.addHook('preClose', async function endPauses() {
    closing.abort()
  })
  return async function pause() {
    await delay(ORDER_LOOK_MS, undefined, { signal: closing.signal, ref: false })
  }
}
