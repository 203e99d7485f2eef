// What node:http and undici cost alone: no router, no hook, no check; every header is passed on as it is.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import type { MeasuredServer } from '../../support/types.ts'
import { readServerFacts } from '../server-facts.ts'

/** @param given {@link readServerFacts} */
export default async function startDispatch(given: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const { upstream } = readServerFacts(given)
  const pool = new Pool(upstream, { connections: 128 })
  const server = createServer((request, response) => {
    pool.dispatch(
      { path: request.url ?? '/', method: 'GET', headers: request.rawHeaders },
      {
        onRequestStart: () => {},
        onResponseStart: (controller, status) => {
          const { rawHeaders } = controller
          response.writeHead(
            status,
            (rawHeaders as Buffer[]).map(bytes => bytes.toString('latin1'))
          )
        },
        onResponseData: (_controller, chunk) => {
          response.write(chunk)
        },
        onResponseEnd: () => {
          response.end()
        },
        onResponseError: () => {
          response.destroy()
        }
      }
    )
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests: {},
    close: async () => {
      server.closeAllConnections()
      await pool.destroy()
    }
  }
}
