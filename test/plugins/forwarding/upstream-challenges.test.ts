import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { ALICE, routesTo, startPlainService } from './support/table-app.ts'

const WAYS = {
  'past Fastify': undefined,
  // A hook that is not about the head alone keeps a route to Fastify's way.
  'by reply.send': async (app: FastifyInstance) => {
    app.addHook('onSend', async (_request, _reply, payload) => payload)
  }
}

for (const [way, before] of Object.entries(WAYS)) {
  t.test(
    `without a credential of ours a 401 of the service passes with its challenge, and gets none (${way})`,
    async t => {
      const service = await startPlainService(t)
      const app = await routesTo(
        t,
        service,
        [
          { path: '/open/*', access: 'public' },
          { path: '/orders/*' },
          { path: '/silent/*', responseHeaders: { remove: ['WWW-Authenticate'] } },
          { path: '/token/*', forward: 'token' }
        ],
        before === undefined ? {} : { before }
      )
      const challenge = ['Signature realm="orders"', 'Basic realm="a, b"']
      const ask = async (url: string, headers: Record<string, string> = {}) => await app.inject({ url, headers })
      for (const [url, headers] of [
        ['/open/1', {}],
        ['/orders/1', ALICE]
      ] as const) {
        service.answer = (_request, response) => {
          response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'text/plain' }).end('who?')
        }
        const asked = await ask(url, headers)
        t.match(asked, { statusCode: 401, body: 'who?' })
        t.same(asked.headers['www-authenticate'], challenge)
        service.answer = (_request, response) => {
          response.writeHead(200, { 'www-authenticate': challenge }).end()
        }
        t.notOk('www-authenticate' in (await ask(url, headers)).headers, 'what is no 401 asks for nothing')

        service.answer = (_request, response) => {
          response.writeHead(401, { 'content-type': 'text/plain' }).end('wrong password')
        }
        const bare = await ask(url, headers)
        t.match(bare, { statusCode: 401, body: 'wrong password' })
        t.notOk(
          'www-authenticate' in bare.headers,
          'a challenge of ours would ask for a credential that was not refused'
        )
      }
      service.answer = (_request, response) => {
        response.writeHead(401, { 'www-authenticate': challenge }).end()
      }
      t.notOk('www-authenticate' in (await ask('/silent/1', ALICE)).headers)
      const ours = await ask('/token/1', { ...ALICE, 'x-token': 'a' })
      t.equal(ours.statusCode, 503, 'of a credential of ours it is not the client who has to prove anything')
      t.notOk('www-authenticate' in ours.headers)
    }
  )
}
