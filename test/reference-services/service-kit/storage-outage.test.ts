// Storage that fails under a request, with a real PostgreSQL.
import {
  buildService,
  migrateService,
  namedMigrations,
  type ServiceInstance,
  type ServiceRoles
} from '@sallyport/service-kit'
import knex, { type Knex } from 'knex'
import t, { type Test } from 'tap'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import { as, SETTINGS, startService, type TestService } from '../support/services.ts'

const PROCESS_NAME = 'failing-service'
const SLEEP = 'select pg_sleep(60)'

async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  const up = async (trx: Knex): Promise<void> => {
    await trx.raw('create table things (thing_id text)')
  }
  const down = async (trx: Knex): Promise<void> => {
    await trx.raw('drop table things')
  }
  await migrateService(db, roles, {
    migrations: namedMigrations('thing_migrations', { '0001-things': { up, down } }),
    grants: { things: ['select'] }
  })
}

/** A service whose one route asks its database for what `ask` says. */
async function start(
  t: Test,
  ask: (db: Knex) => Promise<unknown>,
  db: (service: Knex) => Knex = service => service
): Promise<TestService & { proxy: FaultProxy }> {
  let proxy: FaultProxy | undefined
  const routes =
    (pool: Knex) =>
    async (app: ServiceInstance): Promise<void> => {
      app.get('/things', { config: { access: 'authenticated', audit: 'none' } }, async () => {
        await ask(db(pool))
      })
    }
  const service = await startService(
    t,
    {
      PROCESS_NAME,
      migrate,
      seedDemo: async () => {},
      buildApp: (settings, collaborators) =>
        buildService({ name: PROCESS_NAME, settings, collaborators, upstreams: {}, routes: routes(collaborators.db) })
    },
    SETTINGS,
    {},
    async url => {
      proxy = await faultProxy(t, url)
      return proxy.url
    }
  )
  return { ...service, proxy: proxy! }
}

const read = async ({ app }: TestService) =>
  app.inject({ url: '/things', headers: await as('customer1', PROCESS_NAME) })

async function isUnavailable(t: Test, answer: Awaited<ReturnType<typeof read>>, what: string): Promise<void> {
  t.same(
    [answer.statusCode, answer.json().code, answer.headers['retry-after']],
    [503, 'SALLYPORT_STORAGE_UNAVAILABLE', '5'],
    what
  )
}

/** Ends the sessions of the service's database that run `query`, once there are some. */
async function terminate({ owner }: TestService, query: string): Promise<void> {
  let ended = 0
  while (ended === 0) {
    const { rows } = await owner.raw(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = ?',
      [query]
    )
    ended = rows.length
  }
}

t.test(
  'a connection that the server ends under a request is 503 with Retry-After, and later ones are served',
  async t => {
    let sleeps = true
    const service = await start(t, async db => {
      await db.raw(sleeps ? SLEEP : 'select 1')
    })
    const [answer] = await Promise.all([read(service), terminate(service, SLEEP)])
    await isUnavailable(t, answer, 'terminated')
    sleeps = false
    // The pool may hand the lost connection out once more before its end is seen.
    const next = [await read(service), await read(service)]
    t.equal(next.at(-1)?.statusCode, 200)
  }
)

t.test('a database that is gone is 503 with Retry-After, and its return needs no restart', async t => {
  const service = await start(t, async db => {
    await db.raw('select 1')
  })
  t.equal((await read(service)).statusCode, 200)
  service.proxy.set('stopped')
  await isUnavailable(t, await read(service), 'refused')
  service.proxy.set('pass')
  t.equal((await read(service)).statusCode, 200)
})

t.test('a pool without a free connection is 503 with Retry-After', async t => {
  const pools: Knex[] = []
  const small = (service: Knex): Knex => {
    pools[0] ??= knex({
      client: 'pg',
      connection: service.client.config.connection,
      pool: { min: 0, max: 1 },
      acquireConnectionTimeout: 1500
    })
    return pools[0]
  }
  t.after(async () => {
    await pools[0]?.destroy()
  })
  const service = await start(
    t,
    async db => {
      await db.raw('select 1')
    },
    small
  )
  t.equal((await read(service)).statusCode, 200)
  const held = await pools[0]!.transaction()
  await isUnavailable(t, await read(service), 'exhausted')
  await held.rollback()
  t.equal((await read(service)).statusCode, 200)
})

t.test('a full disk is 503 with Retry-After, a mistake of ours is 500', async t => {
  let code = '53100'
  const service = await start(t, async db => {
    await db.raw(`do $$ begin raise exception using errcode = '${code}'; end $$`)
  })
  await isUnavailable(t, await read(service), 'full')
  code = '42601'
  const answer = await read(service)
  t.same(
    [answer.statusCode, answer.json().code, answer.headers['retry-after']],
    [500, 'SALLYPORT_CONTEXT_INTERNAL', undefined]
  )
})
