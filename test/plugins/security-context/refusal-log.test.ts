import authorization, { scope } from '@sallyport/authorization'
import securityContext, { problemDetails, type Principal } from '@sallyport/security-context'
import { loggerOptions } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'

const COURIER: Principal = {
  issuer: 'https://issuer.example',
  subject: 'courier-1',
  clientId: 'web',
  roles: ['COURIER'],
  scopes: ['deliveries:read'],
  audience: 'orders',
  sessionId: null,
  tokenId: null,
  actor: null,
  issuedAtSeconds: null,
  expiresAtSeconds: null,
  claims: {}
}
interface Line {
  level: string
  msg: string
  err?: { code?: string; stack?: string }
  [name: string]: unknown
}

async function start(
  principal: Principal | null
): Promise<{ app: FastifyInstance; linesOf: (url: string) => Promise<{ status: number; lines: Line[] }> }> {
  let text = ''
  const app = Fastify({
    logger: {
      ...loggerOptions({ name: 'orders', level: 'info' }),
      stream: {
        write: (line: string) => {
          text += line
        }
      }
    }
  })
  await app.register(securityContext)
  await app.register(problemDetails)
  app.addHook('onRequest', async request => {
    request.principal = principal
  })
  await app.register(authorization, {})
  app.get('/orders/:id', { config: { access: scope('orders:read') } }, async () => 'ok')
  app.get('/broken', { config: { access: 'public' } }, async () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  })
  app.get(
    '/strict',
    { config: { access: 'public' }, schema: { querystring: { type: 'object', required: ['a'] } } },
    async () => 'ok'
  )
  return {
    app,
    linesOf: async url => {
      text = ''
      const { statusCode } = await app.inject(url)
      return {
        status: statusCode,
        lines: text
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as Line)
          .filter(({ msg }) => !/^(incoming|request completed)/.test(msg))
      }
    }
  }
}

t.test('a refusal of a known caller is one line with subject, route, rule and reason, and no stack', async t => {
  const { linesOf } = await start(COURIER)
  const { status, lines } = await linesOf('/orders/7')
  t.equal(status, 403)
  t.match(lines, [
    {
      level: 'info',
      msg: 'request refused',
      status: 403,
      code: 'SALLYPORT_AUTHORIZATION_FORBIDDEN',
      subject: 'courier-1',
      clientId: 'web',
      route: 'GET /orders/:id',
      rule: 'scope',
      reason: 'scope-missing'
    }
  ])
  t.equal(lines.length, 1)
  t.ok(JSON.stringify(lines[0]).length < 512)
  t.notMatch(JSON.stringify(lines), /stack|at file/)
})

t.test('a refusal of a stranger is one line too', async t => {
  const { linesOf } = await start(null)
  const { status, lines } = await linesOf('/orders/7')
  t.equal(status, 401)
  t.match(lines, [
    {
      level: 'info',
      msg: 'request refused',
      status: 401,
      subject: null,
      route: 'GET /orders/:id',
      reason: 'unauthenticated'
    }
  ])
  t.equal(lines.length, 1)
  t.notMatch(JSON.stringify(lines), 'stack')
})

t.test('an invalid request says what is invalid', async t => {
  const { linesOf } = await start(null)
  t.match((await linesOf('/strict')).lines, [
    { level: 'info', status: 400, route: 'GET /strict', reason: /must have required property/ }
  ])
})

t.test('a failure of ours is one line at error with its stack and its readable code', async t => {
  const { linesOf } = await start(COURIER)
  const { status, lines } = await linesOf('/broken')
  t.equal(status, 500)
  t.match(lines, [
    {
      level: 'error',
      msg: 'request failed',
      subject: 'courier-1',
      route: 'GET /broken',
      err: { code: 'ENOSPC', stack: /at / }
    }
  ])
  t.equal(lines.length, 1)
})
