// An asynchronous context of the app, as @fastify/request-context keeps one: each hook has to find its own request.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AddressInfo } from 'node:net'
import { headHook, spentTimesOf } from '@sallyport/security-context'
import type { FastifyInstance, onSendHookHandler } from 'fastify'
import t, { type Test } from 'tap'
import { Client } from 'undici'
import { ALICE, routesTo, startPlainService, type PlainService } from './support/table-app.ts'

/** Over one connection of a client and one of the service, both of which the first request opens. */
async function followedApp(t: Test, service: PlainService) {
  const running = new AsyncLocalStorage<string>()
  const found: string[] = []
  const ended = new Map<string, PromiseWithResolvers<void>>()
  const endOf = (url: string): PromiseWithResolvers<void> => {
    const known = ended.get(url) ?? Promise.withResolvers<void>()
    ended.set(url, known)
    return known
  }
  const routes = [{}, { path: '/brief/*', timeouts: { headMs: 50 } }]
  const app = await routesTo(t, service, routes, {
    before: async (fastify: FastifyInstance) => {
      const note = (hook: string, url: string): void => {
        found.push(`${hook} ${running.getStore() === url ? 'its own' : `${running.getStore()} in place of ${url}`}`)
      }
      fastify.addHook('onRequest', (request, _reply, next) => {
        running.run(request.url, next)
      })
      const beforeHead: onSendHookHandler = (request, _reply, payload, next) => {
        note('onSend', request.url)
        next(null, payload)
      }
      fastify.addHook('onSend', headHook(beforeHead))
      fastify.addHook('onError', async request => {
        note('onError', request.url)
      })
      fastify.addHook('onResponse', async request => {
        note('onResponse', request.url)
        endOf(request.url).resolve()
      })
    }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = new Client(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, { pipelining: 1 })
  t.after(() => client.destroy())
  const ask = async (path: string): Promise<number> => {
    const { statusCode, body } = await client.request({ method: 'GET', path, headers: ALICE })
    await body.dump()
    await endOf(path).promise
    return statusCode
  }
  return { ask, client, found, endOf }
}

t.test(
  'hooks around a forwarded answer run in the context of its own request, whoever opened the connections',
  async t => {
    const service = await startPlainService(t)
    const { ask, found } = await followedApp(t, service)
    for (const path of ['/orders/1', '/orders/2', '/orders/3']) t.equal(await ask(path), 200)
    t.equal(service.connections, 1)
    t.same(found, Array(3).fill(['onSend its own', 'onResponse its own']).flat())
  }
)

t.test(
  'so they do when a large answer comes in parts, and when the service takes too long or cuts the connection',
  async t => {
    const service = await startPlainService(t)
    const { ask, found } = await followedApp(t, service)
    service.answer = ({ url }, response) => {
      if (url === '/orders/large') response.end('x'.repeat(300_000))
      else if (url === '/orders/cut') response.destroy()
      else if (url !== '/brief/slow') response.end('x')
    }
    const statuses: number[] = []
    for (const path of ['/orders/1', '/orders/large', '/orders/cut', '/orders/2', '/brief/slow']) {
      statuses.push(await ask(path))
    }
    t.same(statuses, [200, 200, 502, 200, 504])
    t.same(new Set(found), new Set(['onSend its own', 'onError its own', 'onResponse its own']))
  }
)

t.test('a request counts the wait for the head of its service, whichever way its answer takes', async t => {
  const service = await startPlainService(t)
  const times: Array<Readonly<Record<string, number>>> = []
  const before = async (app: FastifyInstance, isLean: boolean): Promise<void> => {
    app.addHook('onResponse', async request => {
      times.push(spentTimesOf(request))
    })
    if (!isLean) app.addHook('onSend', async (_request, _reply, payload) => payload)
  }
  for (const isLean of [true, false]) {
    const app = await routesTo(t, service, [{}], { before: async fastify => await before(fastify, isLean) })
    t.equal((await app.inject({ url: '/orders/1', headers: ALICE })).statusCode, 200)
    t.equal((await app.inject({ url: '/orders/1' })).statusCode, 401)
  }
  t.match(times, [{ upstreamMs: Number }, {}, { upstreamMs: Number }, {}])
  t.same(
    times.map(({ upstreamMs }) => (upstreamMs ?? 0) > 0),
    [true, false, true, false]
  )
})

t.test('so they do when the client leaves before the answer', async t => {
  const service = await startPlainService(t)
  const { ask, client, found, endOf } = await followedApp(t, service)
  await ask('/orders/1')
  const asked = Promise.withResolvers<void>()
  service.answer = () => {
    asked.resolve()
  }
  const left = new AbortController()
  const call = client.request({ method: 'GET', path: '/orders/left', headers: ALICE, signal: left.signal })
  await asked.promise
  left.abort()
  await call.catch(() => {})
  await endOf('/orders/left').promise
  t.equal(found.filter(hook => hook === 'onResponse its own').length, 2)
  t.same(
    found.filter(hook => !hook.endsWith('its own')),
    []
  )
})
