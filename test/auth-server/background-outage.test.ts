import { admin, createPasswordHasher, postgresStore } from '@sallyport/auth-server'
import { connectDatabase } from '@sallyport/service-process'
import t from 'tap'
import { faultProxy } from '@sallyport/testing'
import { administration } from '../support/administration.ts'
import { CHEAP, claimsOf, login, post, startServer } from '../support/authorization-server.ts'
import { deliveryByHand, startRelyingParty } from './support/relying-party.ts'

const TIMEOUT_MS = 1500

t.test(
  'what runs in the background ends when the database swallows everything, and does its work when it is back',
  async t => {
    const never = () => ({ stop: () => {} })
    const { db, databaseUrl, another, clock } = await startServer(
      t,
      {},
      { housekeepingSchedule: never, logoutDelivery: { schedule: never } }
    )
    const party = await startRelyingParty(t)
    await admin.setClientLogout(administration(db), 'gateway', { backchannelLogoutUri: party.uri })
    const proxy = await faultProxy(t, databaseUrl)
    const pool = connectDatabase({ databaseUrl: proxy.url, databaseConnections: 4, databaseTimeoutMs: TIMEOUT_MS })
    t.teardown(async () => {
      await pool.destroy()
    })
    const { collaborators, deliver } = deliveryByHand()
    const tidying: Array<() => Promise<void>> = []
    const app = await another(
      {},
      {
        store: postgresStore(pool),
        ...collaborators,
        housekeepingSchedule: run => {
          tidying.push(run)
          return { stop: () => {} }
        }
      }
    )
    const { access_token: access, refresh_token: own = '' } = (await login(app)).body
    const { uri } = (claimsOf(access).status as { status_list: { uri: string } }).status_list
    await post(app, '/oauth2/revoke', 'gateway', { token: own })
    clock.advance(3600)
    await db('replayed_ids').insert({ issuer: 'x', jti: 'x', expires_at: new Date(clock.ms - 1000) })

    const work: Record<string, () => Promise<unknown>> = {
      delivery: deliver,
      housekeeping: async () => {
        for (const run of tidying) await run()
      },
      'status list': async () => (await app.inject(new URL(uri).pathname)).statusCode
    }
    proxy.set('silent')
    for (const [name, run] of Object.entries(work)) {
      const result = await run()
      t.pass(`${name} came to an end`)
      if (name === 'status list') t.equal(result, 503)
    }
    t.not(proxy.strikes(), 0, 'the database was asked')
    t.equal(party.received.length, 0)
    proxy.set('pass')
    // Nothing is restarted: connections that went silent are given up, and new ones are made.
    while ((await work['status list']?.()) !== 200) await new Promise(resolve => setImmediate(resolve))
    while (Number((await db('replayed_ids').count('*').first())?.count) > 0) await work.housekeeping?.()
    while (party.received.length === 0) await work.delivery?.()
    t.equal(party.received.length, 1)
  }
)

t.test('a login does not wait without end for those before it', async t => {
  const timeouts: Array<() => void> = []
  const timer = (run: () => void) => {
    timeouts.push(run)
    return {
      stop: () => {
        timeouts.splice(timeouts.indexOf(run), 1)
      }
    }
  }
  const freed: Array<(matches: boolean) => void> = []
  const stuck = {
    hash: async () => 'decoy',
    verify: async () =>
      await new Promise<boolean>(resolve => {
        freed.push(resolve)
      })
  }
  const hasher = createPasswordHasher({ parameters: CHEAP, concurrency: 1, queueLength: 5, timer, hashFunction: stuck })
  const first = hasher.verify('stored', 'x')
  const second = hasher.verify('stored', 'x')
  const third = hasher.verify('stored', 'x')
  while (freed.length < 1 || timeouts.length < 2) await new Promise(resolve => setImmediate(resolve))
  timeouts[0]?.()
  await t.rejects(second, { code: 'SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL', statusCode: 503 })
  freed.shift()?.(true)
  t.equal(await first, true)
  while (freed.length < 1) await new Promise(resolve => setImmediate(resolve))
  freed.shift()?.(true)
  t.equal(await third, true, 'who waits behind it keeps the place')
})
