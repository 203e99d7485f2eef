// The configurations of deploy/proxies before a real gateway. A proxy that is not installed is skipped and said.
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { isInstalled, type ProxyName, startProxy } from '../support/rolling-restart.ts'
import { GOOD, startEdge, until } from '../support/edge.ts'
import { freePort } from '../support/free-port.ts'

const PROXIES: readonly ProxyName[] = ['haproxy', 'nginx']
const HOST = 'localhost:8000'
const SETTINGS = { publicOrigins: [`http://${HOST}`], allowedHosts: [], trustedProxies: ['127.0.0.1'] }

/** An operations listener that is ready. */
async function startReadiness(t: Test): Promise<number> {
  const server = createServer((_request, response) => {
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

for (const proxy of PROXIES) {
  const skip = isInstalled(proxy) ? false : `${proxy} is not installed here`
  t.test(
    `behind ${proxy} the gateway is reached under the host of the address bar, and strangers' forwarding headers end there`,
    { skip },
    async t => {
      const { port, orders } = await startEdge(t, { settings: SETTINGS })
      const [edge, operationsPort] = [await freePort(), await startReadiness(t)]
      const child = startProxy(proxy, t.testdir({}), edge, [
        { port, operationsPort },
        { port, operationsPort }
      ])
      t.after(() => {
        child.kill('SIGKILL')
      })
      const forged = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-for': '198.51.100.9',
        'x-forwarded-proto': 'https'
      }
      const send = async (headers: Record<string, string>) =>
        await request(`http://127.0.0.1:${edge}/orders`, {
          method: 'POST',
          headers: { ...GOOD, ...forged, ...headers },
          body: null
        })
      await until(async () => (await send({ host: HOST }).catch(() => null))?.statusCode === 200)

      const {
        host,
        'x-forwarded-host': forwardedHost,
        'x-forwarded-for': forwardedFor,
        'x-forwarded-proto': proto
      } = orders.received.at(-1)?.headers ?? {}
      t.match({ forwardedHost, forwardedFor, proto }, { forwardedHost: HOST, forwardedFor: '127.0.0.1', proto: 'http' })
      t.not(host, HOST, 'the service is called by its own name')
      t.equal((await send({ host: 'evil.example' })).statusCode, 421)
      const basic = `Basic ${Buffer.from('customer1:wrong').toString('base64')}`
      const own = await send({ host: HOST, authorization: basic, origin: `http://${HOST}` })
      t.not(own.statusCode, 403, 'a page of the gateway is no foreign one')
      t.equal((await send({ host: HOST, authorization: basic, origin: 'http://localhost' })).statusCode, 403)
    }
  )
}
