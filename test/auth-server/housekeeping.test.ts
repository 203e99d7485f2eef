import { runCommand } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import {
  introspect,
  login,
  post,
  refresh,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf } from '../support/browser.ts'

const DAY_SECONDS = 86_400

/** A server whose housekeeping runs when the test says so. */
async function startTidy(
  t: Parameters<typeof startServer>[0]
): Promise<TestServer & { tidy: () => Promise<void>; counts: () => Promise<Record<string, number>> }> {
  let run = async (): Promise<void> => {}
  const server = await startServer(
    t,
    { statusListSize: 16 },
    {
      housekeepingSchedule: again => {
        run = again
        return { stop: () => {} }
      }
    }
  )
  const tables = [
    'sessions',
    'refresh_tokens',
    'sign_ins',
    'authorization_codes',
    'pushed_requests',
    'opaque_access_tokens',
    'login_attempts',
    'status_lists'
  ]
  return {
    ...server,
    tidy: async () => {
      await run()
    },
    counts: async () =>
      Object.fromEntries(
        await Promise.all(tables.map(async table => [table, Number((await server.db(table).count('* as n'))[0]?.n)]))
      )
  }
}

async function useEverything({ app }: TestServer): Promise<{ accessToken: string; refreshToken: string }> {
  const { body } = await login(app)
  await refresh(app, body.refresh_token)
  await login(app, 'customer2', { password: 'wrong' })
  await token(app, 'opaque-client', { grant_type: 'client_credentials' })
  const { challenge } = pkce()
  await post(app, '/oauth2/par', 'web-app', requestOf(challenge) as Record<string, string>)
  await authorized(browser(app), authorizeUrl(requestOf(challenge)))
  return { accessToken: body.access_token, refreshToken: body.refresh_token ?? '' }
}

t.test('what lives stays, and what has expired goes when it cannot matter any more', async t => {
  const server = await startTidy(t)
  const { app, clock } = server
  const { accessToken, refreshToken } = await useEverything(server)
  const before = await server.counts()
  await server.tidy()
  t.strictSame(await server.counts(), before, 'nothing has expired')
  clock.advance(3601)
  await server.tidy()
  const hour = await server.counts()
  t.match(hour, {
    sessions: before.sessions,
    authorization_codes: before.authorization_codes,
    sign_ins: before.sign_ins,
    opaque_access_tokens: 0,
    login_attempts: 0
  })
  t.equal((await refresh(app, refreshToken)).status, 200, 'the session lives')
  clock.advance(7200 + DAY_SECONDS + 1)
  await server.tidy()
  t.match(await server.counts(), {
    sessions: 0,
    refresh_tokens: 0,
    sign_ins: 0,
    authorization_codes: 0,
    pushed_requests: 0
  })
  t.match((await refresh(app, refreshToken)).body, { error: 'invalid_grant' })
  t.strictSame(await introspect(app, accessToken), { active: false })
})

t.test('a status list goes when nothing is in it and nothing will be', async t => {
  const server = await startTidy(t)
  // The seeded clients are in a list that is far from full.
  await server.db('status_lists').update({ open: false })
  for (let count = 0; count < 40; count++) await login(server.app)
  const { status_lists: lists = 0 } = await server.counts()
  t.ok(lists >= 3, 'several lists are full')
  server.clock.advance(7200 + DAY_SECONDS + 1)
  await server.tidy()
  t.equal((await server.counts()).status_lists, lists, 'revoked tokens may still name them')
  server.clock.advance(DAY_SECONDS + 1)
  await server.tidy()
  const left = await server.db('status_lists').select('id', 'open')
  const clients = new Set((await server.db('clients').select('status_list_id')).map(({ status_list_id: id }) => id))
  t.ok(left.length < lists)
  t.ok(left.every(({ id, open }) => open === true || clients.has(id)))
  t.equal((await token(server.app, 'machine-client', { grant_type: 'client_credentials' })).status, 200)
  t.equal((await login(server.app)).status, 200)
})

t.test('of two instances one tidies at a time', async t => {
  const server = await startTidy(t)
  await useEverything(server)
  server.clock.advance(DAY_SECONDS * 8)
  const lock = await server.db.transaction()
  await lock.raw('select pg_advisory_xact_lock(7201002)')
  const { sessions } = await server.counts()
  await server.tidy()
  t.equal((await server.counts()).sessions, sessions, 'the other one is at it')
  await lock.rollback()
  await server.tidy()
  t.equal((await server.counts()).sessions, 0)
})

t.test('`database tidy` of the command line removes the same', async t => {
  const server = await startTidy(t)
  await useEverything(server)
  server.clock.advance(DAY_SECONDS * 8)
  const printed: string[] = []
  const code = await runCommand(
    ['database', 'tidy', '--json'],
    async () => administration(server.db, () => server.clock.ms),
    {
      out: text => {
        printed.push(text)
      },
      error: text => {
        printed.push(text)
      },
      readStdin: async () => ''
    }
  )
  t.equal(code, 0, printed.join('\n'))
  t.match(JSON.parse(printed.join('\n')), { sessions: 1, signIns: 1, authorizationCodes: 1 })
  t.equal((await server.counts()).sessions, 0)
})
