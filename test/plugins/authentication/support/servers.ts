import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { Fetch, HttpInit } from '@sallyport/authentication'

/** An answer that a fake server gives. */
export interface FakeAnswer {
  readonly status?: number
  readonly body?: string | Uint8Array
  readonly headers?: Record<string, string>
}

/** A fake `fetch`: `answer` decides, `calls` remembers. */
export function fakeFetch(
  answer: (url: string, init: HttpInit) => FakeAnswer | Promise<FakeAnswer>
): Fetch & { calls: Array<{ url: string; init: HttpInit }> } {
  const calls: Array<{ url: string; init: HttpInit }> = []
  const fetch: Fetch = async (url, init) => {
    calls.push({ url, init })
    const { status = 200, body = '', headers = {} } = await answer(url, init)
    return new Response(status === 304 || status === 204 ? null : (body as string), { status, headers })
  }
  return Object.assign(fetch, { calls })
}

/** A real HTTP server on loopback, closed with the test. */
export async function httpServer(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Resolves when the condition holds, looking again after each turn of the event loop, and less often after many. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    await new Promise(resolve => (turn < 100 ? setImmediate(resolve) : setTimeout(resolve, 2)))
  }
}
