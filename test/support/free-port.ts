import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Ports below those that a system hands out by itself, to listeners at port 0 and to clients: none of them is taken by
 * chance between now and when the test uses it. Stacks take theirs above.
 */
const FIRST_PORT = 10_000
const PORTS = 10_000
const given = new Set<number>()

/** A port of 127.0.0.1 at which nobody listens, for a process that is told its port or for one that comes later. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS)
    if (given.has(port)) continue
    given.add(port)
    const probe = createServer().listen(port, '127.0.0.1')
    try {
      await once(probe, 'listening')
    } catch {
      continue
    }
    probe.close()
    await once(probe, 'close')
    return port
  }
}
