import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** A setting that any load at all passes: the measurement is real, the threshold is the test's. */
export const ALWAYS_OVERLOADED = { maxEventLoopUtilization: 1e-9 } as const

/**
 * Asserts that an app built with {@link ALWAYS_OVERLOADED} sheds what comes to its main listener once load was
 * measured, with 503 and `Retry-After`, and answers health meanwhile.
 * @param url of a public route
 */
export async function sheds(t: Test, app: FastifyInstance, url: string): Promise<void> {
  const ask = async () => await app.inject(url)
  t.not((await ask()).statusCode, 503, 'before the first measurement')
  while ((await ask()).statusCode !== 503) await pause(20)
  const shed = await ask()
  t.match(shed.headers['retry-after'], /^\d+$/)
  t.equal(shed.json().code, 'SALLYPORT_HEALTH_OVERLOADED')
  t.equal((await app.operations.inject('/health/live')).statusCode, 200)
  t.equal((await app.operations.inject('/metrics')).statusCode, 200)
}
