import { request } from 'node:http'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { LauncherError } from './launcher-error.ts'

/** Makes sure that nobody listens on any of these loopback ports. @throws {LauncherError} with every taken port */
export async function requireFreePorts(ports: readonly number[]): Promise<void> {
  const taken = (await Promise.all(ports.map(async port => ((await isPortFree(port)) ? [] : [port])))).flat()
  if (taken.length > 0) {
    throw new LauncherError(
      `${taken.length === 1 ? 'Port' : 'Ports'} ${taken.join(', ')} on 127.0.0.1 cannot be used (taken?); --port-base N moves all`
    )
  }
}

/**
 * Waits until a process is ready. @throws {LauncherError} after `timeoutMs`, the signal's reason when aborted
 */
export async function waitUntilReady(
  name: string,
  operationsUrl: string,
  signal: AbortSignal,
  timeoutMs = 60_000
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while ((await probeStatus(`${operationsUrl}/health/ready`)) !== 200) {
    signal.throwIfAborted()
    if (Date.now() > deadline) {
      throw new LauncherError(
        `${name} did not become ready within ${timeoutMs / 1000} s: ask ${operationsUrl}/health/ready`
      )
    }
    await delay(50)
  }
}

/** Whether a port of 127.0.0.1 can be listened on now. */
export async function isPortFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer().once('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => {
    server.close(() => resolve(true))
  })
  return promise
}

/** The first port of 127.0.0.1 from `from` on that can be listened on now. */
export async function firstFreePort(from: number): Promise<number> {
  for (let port = from; port <= 65_535; port++) if (await isPortFree(port)) return port
  throw new LauncherError(`There is no free port from ${from} on`)
}

/** The status of a GET, `null` when there is no answer. */
export async function probeStatus(url: string): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const probe = request(url, { agent: false, timeout: 2_000 }, response => {
    response.resume()
    resolve(response.statusCode ?? null)
  })
  probe
    .on('timeout', () => probe.destroy())
    .on('error', () => resolve(null))
    .end()
  return promise
}
