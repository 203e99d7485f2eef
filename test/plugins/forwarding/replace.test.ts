import { createServer, type TlsOptions } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { RouteTableOptions } from '@sallyport/forwarding'
import { Agent } from 'undici'
import t, { type Test } from 'tap'
import { makeAuthority } from '../../support/certificates.ts'
import { measured } from '../support/measured.ts'
import { until } from '../support/session-app.ts'
import { ALICE, forwardingApp, plainRoute, type PlainService, startPlainService } from './support/table-app.ts'

const table = (services: Record<string, PlainService>, more: Partial<RouteTableOptions> = {}): RouteTableOptions => ({
  upstreams: Object.fromEntries(Object.entries(services).map(([name, { origin }]) => [name, { origin }])),
  routes: Object.keys(services).map(name => plainRoute({ path: `/${name}/*`, upstream: name })),
  ...more
})

t.test('a table takes the place of another in one step; unchanged upstreams keep their connections', async t => {
  const kept = await startPlainService(t)
  const removed = await startPlainService(t)
  const added = await startPlainService(t)
  const app = await forwardingApp(t, table({ kept, removed }))
  const status = async (url: string) => (await app.inject({ url, headers: ALICE })).statusCode
  for (const url of ['/kept/1', '/removed/1']) t.equal(await status(url), 200)
  t.equal(await status('/added/1'), 404)

  app.forwarding.replace(table({ kept, added }))
  for (const url of ['/kept/2', '/added/1']) t.equal(await status(url), 200)
  t.equal(await status('/removed/2'), 404)
  t.equal(kept.connections, 1, 'the connection has lived on')
  await until(() => removed.closed === 1)
  t.equal(kept.closed, 0)

  const { upstreams, ...others } = table({ kept, added })
  app.forwarding.replace({ ...others, upstreams: { ...upstreams, kept: { origin: kept.origin, maxConnections: 3 } } })
  t.equal(await status('/kept/3'), 200)
  t.equal(kept.connections, 2, 'other options make other connections')
  await until(() => kept.closed === 1)
})

t.test('what a reload may not touch: timeouts of an upstream are no reason for new connections', async t => {
  const kept = await startPlainService(t)
  const app = await forwardingApp(t, table({ kept }))
  await app.inject({ url: '/kept/1', headers: ALICE })
  const upstreams = { kept: { origin: kept.origin, timeouts: { headMs: 5000 } } }
  app.forwarding.replace(table({ kept }, { upstreams }))
  t.equal((await app.inject({ url: '/kept/1', headers: ALICE })).statusCode, 200)
  t.equal(kept.connections, 1)
})

t.test('requests under way end under the old table, at every stage that they have reached', async t => {
  const old = await startPlainService(t)
  const next = await startPlainService(t)
  let release: () => void = () => {}
  const authenticated = new Promise<void>(resolve => {
    release = resolve
  })
  let waiting = 0
  const app = await forwardingApp(t, table({ old }), {
    before: async app => {
      app.addHook('onRequest', async request => {
        if (!request.url.endsWith('/late')) return
        waiting++
        await authenticated
      })
    }
  })
  let answer: () => void = () => {}
  old.answer = ({ url }, response) => {
    if (url.endsWith('/late')) response.end('late')
    else answer = () => response.end('first')
  }
  const atTheService = app.inject({ url: '/old/first', headers: ALICE })
  const onItsWay = app.inject({ url: '/old/late', headers: ALICE })
  await until(() => old.seen.length === 1 && waiting === 1)

  app.forwarding.replace(table({ next }))
  t.equal((await app.inject({ url: '/old/new', headers: ALICE })).statusCode, 404)
  t.equal((await app.inject({ url: '/next/1', headers: ALICE })).statusCode, 200)
  release()
  t.equal((await onItsWay).body, 'late')
  answer()
  t.equal((await atTheService).body, 'first')
  await until(() => old.closed === old.connections)
})

t.test('a table with mistakes changes nothing, and says all of them', async t => {
  const service = await startPlainService(t)
  const app = await forwardingApp(t, table({ service }))
  await app.inject({ url: '/service/1', headers: ALICE })
  const bad = table(
    { service },
    {
      routes: [plainRoute({ upstream: 'nobody' }), plainRoute({ path: '/x', forward: { audience: 'a' } })]
    }
  )
  t.throws(() => app.forwarding.replace(bad), {
    code: 'SALLYPORT_FORWARDING_OPTIONS_INVALID',
    message: /routes\.0\.upstream: there is no upstream "nobody"/
  })
  t.throws(() => app.forwarding.replace(table({ service }, { routes: [plainRoute({ forward: { audience: 'a' } })] })), {
    message: /routes\.0: forward: no plugin of this app exchanges tokens/
  })
  t.throws(() => app.forwarding.replace({ ...table({ service }), other: true } as never), { message: /other is not/ })
  t.equal((await app.inject({ url: '/service/2', headers: ALICE })).statusCode, 200)
  t.equal(service.connections, 1)
})

t.test('a dispatcher that was given is used, and closed by whoever made it', async t => {
  const service = await startPlainService(t)
  const agent = new Agent()
  t.after(() => agent.destroy())
  const app = await forwardingApp(t, { ...table({ service }), dispatcher: agent })
  t.equal((await app.inject({ url: '/service/1', headers: ALICE })).statusCode, 200)
  app.forwarding.replace({ upstreams: {}, routes: [] })
  await app.close()
  t.notOk(agent.closed)
})

t.test('the connections of an upstream are bounded, and so is its queue: one more request is 503', async t => {
  const service = await startPlainService(t)
  const release: (() => void)[] = []
  service.answer = (_request, response) => {
    release.push(() => response.end('1'))
  }
  const upstreams = { service: { origin: service.origin, maxConnections: 1, maxQueued: 1 } }
  const app = await forwardingApp(t, table({ service }, { upstreams }))
  const send = async () => await app.inject({ url: '/service/1', headers: ALICE })
  const first = send()
  await until(() => service.seen.length === 1)
  const second = send()
  const busy = await send()
  t.match(busy.json(), { status: 503, code: 'SALLYPORT_FORWARDING_UPSTREAM_BUSY' })
  t.ok(busy.headers['retry-after'])
  release[0]?.()
  t.equal((await first).statusCode, 200)
  await until(() => service.seen.length === 2)
  release[1]?.()
  t.equal((await second).statusCode, 200)
})

/** A service behind TLS that answers every request with the name of its client's certificate. */
async function startTlsService(t: Test, options: TlsOptions): Promise<number> {
  const server = createServer({ ...options, minVersion: 'TLSv1.2' }, socket => {
    const name = 'subject' in socket.getPeerCertificate() ? String(socket.getPeerCertificate().subject.CN) : 'nobody'
    socket.on('error', () => {})
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`))
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('the plugin’s own connections verify the certificate, and prove who they are where they can', async t => {
  const authority = await makeAuthority()
  const other = await makeAuthority()
  const { certificate: cert, privateKey: key } = await authority.issue({ names: ['localhost', 'orders.internal'] })
  const port = await startTlsService(t, { cert, key })
  const origin = `https://localhost:${port}`
  for (const [tls, status] of [
    [{ ca: authority.certificate }, 200],
    [{ ca: authority.certificate, serverName: 'orders.internal' }, 200],
    [{ ca: authority.certificate, serverName: 'other.internal' }, 502],
    [{ ca: other.certificate }, 502],
    [undefined, 502]
  ] as const) {
    const app = await forwardingApp(t, {
      upstreams: { service: { origin, ...(tls !== undefined && { tls }) } },
      routes: [plainRoute()]
    })
    t.equal(
      (await app.inject({ url: '/orders/1', headers: ALICE })).statusCode,
      status,
      JSON.stringify(Object.keys(tls ?? {}))
    )
  }
})

t.test('requests to each upstream of the table in use are counted: with a connection, and waiting for one', async t => {
  const slow = await startPlainService(t)
  const held: Array<() => void> = []
  slow.answer = (_request, response) => {
    held.push(() => response.end('late'))
  }
  const given = table({ slow })
  const app = await forwardingApp(t, { ...given, upstreams: { slow: { origin: slow.origin, maxConnections: 1 } } })
  const use = async (): Promise<unknown> => [
    await measured(app, 'sallyport_upstream_requests_running'),
    await measured(app, 'sallyport_upstream_requests_waiting')
  ]
  t.same(await use(), [{ slow: 0 }, { slow: 0 }])
  const requests = [1, 2, 3].map(async id => await app.inject({ url: `/slow/${id}`, headers: ALICE }))
  await until(() => held.length === 1)
  t.same(await use(), [{ slow: 1 }, { slow: 2 }])
  const other = await startPlainService(t)
  app.forwarding.replace(table({ other }))
  t.same(await use(), [{ other: 0 }, { other: 0 }], 'an upstream that is gone is not watched')
  const ended = Promise.all(requests)
  void (async () => {
    for (let answered = 0; answered < 3; answered++) {
      await until(() => held.length > answered)
      held[answered]?.()
    }
  })()
  for (const { statusCode } of await ended) t.equal(statusCode, 200)
})
