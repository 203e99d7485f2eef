// Routes of plugins that know nothing of declarations: three real ones, with authorization and the audit log.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import cors from '@fastify/cors'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import auditLog from '@sallyport/audit-log'
import authorization, { authorizationMatrix, role } from '@sallyport/authorization'
import securityContext, {
  declareRoutes,
  problemDetails,
  requireRouteDeclaration,
  type RoutesDeclaration
} from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import knex from 'knex'
import t, { type Test } from 'tap'

const OPEN = { access: 'public', audit: 'none' } as const

/** An app that requires both declarations, with a route of its own at the root. */
async function declaringApp(t: Test): Promise<FastifyInstance> {
  const db = knex({ client: 'pg', connection: 'postgres://nobody@127.0.0.1:1/none' })
  const app = Fastify()
  t.teardown(async () => {
    await app.close()
    await db.destroy()
  })
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authorization)
  await app.register(auditLog, { db, process: 'test', sealer: false })
  app.get('/', { config: OPEN }, async () => 'root')
  return app
}

/** A plugin, what to declare for its routes, and a request that one of them answers. */
interface Foreign {
  readonly name: string
  readonly add: (app: FastifyInstance) => Promise<void>
  readonly declaration: RoutesDeclaration
  readonly request: { readonly method: 'GET' | 'HEAD' | 'OPTIONS'; readonly url: string }
  readonly status: number
}

const root = mkdtempSync(join(tmpdir(), 'static-'))
writeFileSync(join(root, 'page.txt'), 'a page')

const FOREIGN: readonly Foreign[] = [
  {
    name: '@fastify/cors',
    add: async app => {
      await app.register(cors, { origin: 'https://app.example' })
    },
    declaration: { routes: ['OPTIONS *'], config: OPEN },
    request: { method: 'OPTIONS', url: '/' },
    status: 400
  },
  {
    name: '@fastify/static',
    add: async app => {
      await app.register(fastifyStatic, { root })
    },
    declaration: { routes: ['GET /*'], config: OPEN },
    request: { method: 'HEAD', url: '/page.txt' },
    status: 200
  },
  {
    name: '@fastify/swagger-ui',
    add: async app => {
      await app.register(swagger)
      await app.register(swaggerUi, { routePrefix: '/documentation' })
    },
    declaration: { routes: { prefix: '/documentation' }, config: OPEN },
    request: { method: 'GET', url: '/documentation/json' },
    status: 200
  }
]

for (const { name, add, declaration, request, status } of FOREIGN) {
  t.test(`an app with ${name} boots when its routes are declared, before it or after it, and serves them`, async t => {
    const undeclared = await declaringApp(t)
    await add(undeclared)
    await t.rejects(async () => undeclared.ready(), { code: 'SALLYPORT_CONTEXT_ROUTES_UNDECLARED' })

    const before = await declaringApp(t)
    declareRoutes(before, declaration)
    await add(before)
    await before.ready()
    t.equal((await before.inject(request)).statusCode, status)

    const after = await declaringApp(t)
    await add(after)
    declareRoutes(after, declaration)
    await after.ready()
    for (const time of ['first', 'second']) t.equal((await after.inject(request)).statusCode, status, time)
    t.equal((await after.inject('/')).body, 'root')
  })
}

t.test('Z01: what is declared for other plugins’ routes is enforced, before and after', async t => {
  const declaration = {
    routes: { prefix: '/documentation' },
    config: { access: role('ADMIN'), audit: 'none' }
  } as const
  for (const order of ['before', 'after']) {
    const app = await declaringApp(t)
    if (order === 'before') declareRoutes(app, declaration)
    await app.register(swagger)
    await app.register(swaggerUi, { routePrefix: '/documentation' })
    if (order === 'after') declareRoutes(app, declaration)
    await app.ready()
    for (const url of ['/documentation', '/documentation/json', '/documentation/static/index.html']) {
      t.equal((await app.inject(url)).json().code, 'SALLYPORT_AUTHORIZATION_UNAUTHENTICATED', `${order} ${url}`)
    }
    if (order === 'before') t.match(authorizationMatrix(app), /GET +\/documentation\/json +.*ADMIN/)
  }
})

t.test('a plugin that is there before everything of ours is declared too', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyStatic, { root })
  requireRouteDeclaration(app, 'access')
  declareRoutes(app, { routes: ['GET /*'], config: { access: 'public' } })
  await app.ready()
  t.equal((await app.inject('/page.txt')).body, 'a page')
})

t.test('Z01: a declaration opens neither a route that declares itself nor what is beside its prefix', async t => {
  const app = await declaringApp(t)
  declareRoutes(app, { routes: { prefix: '/area' }, config: OPEN })
  app.get('/area/open', async () => 'open')
  app.get('/area/own', { config: { access: 'authenticated', audit: 'none' } }, async () => 'own')
  await app.ready()
  t.equal((await app.inject('/area/open')).body, 'open')
  t.equal((await app.inject('/area/own')).statusCode, 401)

  const beside = await declaringApp(t)
  declareRoutes(beside, { routes: { prefix: '/area' }, config: OPEN })
  beside.get('/area/open', async () => 'open')
  beside.get('/areas', async () => 'beside')
  await t.rejects(async () => beside.ready(), { message: 'Routes without config.access: GET /areas, HEAD /areas' })
})

t.test('Z01: a declaration for one method of a route with several opens none of them', async t => {
  for (const order of ['before', 'after']) {
    const app = Fastify()
    t.teardown(() => app.close())
    requireRouteDeclaration(app, 'access')
    if (order === 'before') declareRoutes(app, { routes: ['GET /both'], config: { access: 'public' } })
    app.route({ method: ['GET', 'POST'], url: '/both', handler: async () => 'x' })
    if (order === 'after') declareRoutes(app, { routes: ['GET /both'], config: { access: 'public' } })
    await t.rejects(async () => app.ready(), { message: /POST \/both/ }, order)
  }
})

t.test('a declaration that matches nothing, or says nothing, fails the boot', async t => {
  for (const [routes, unmatched] of [
    [['GET /', 'GET /nowhere'], 'GET /nowhere'],
    [['POST /'], 'POST /'],
    [{ prefix: '/roo' }, '/roo']
  ] as const) {
    const app = await declaringApp(t)
    declareRoutes(app, { routes, config: OPEN })
    await t.rejects(async () => app.ready(), {
      code: 'SALLYPORT_CONTEXT_DECLARATION_UNMATCHED',
      message: `Declared routes that nobody added: ${unmatched}`
    })
  }
  const app = Fastify()
  for (const routes of [[], ['/'], ['get /'], { prefix: '/' }, { prefix: '' }, { prefix: '/a/' }, { prefix: 'a' }]) {
    t.throws(
      () => {
        declareRoutes(app, { routes, config: OPEN })
      },
      { code: 'SALLYPORT_CONTEXT_DECLARATION_INVALID' }
    )
  }
  t.throws(
    () => {
      declareRoutes(app, { routes: ['GET /'], config: {} })
    },
    { code: 'SALLYPORT_CONTEXT_DECLARATION_INVALID' }
  )
})
