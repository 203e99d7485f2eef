// One service process through two outages: it starts while the issuer is away, and later its database swallows packets.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as deliveryService from '@sallyport/delivery-service'
import t from 'tap'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { testDatabase } from '../../support/database.ts'
import { freePort } from '../../support/free-port.ts'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import { createTokenAuthority, type TokenAuthority } from '../../support/token-authority.ts'
import { FACTS, USERS } from '../support/services.ts'

const SERVER = fileURLToPath(new URL('../../../reference-services/delivery-service/src/server.ts', import.meta.url))
const ROLES = { appRole: 'test_outages_app', prunerRole: 'test_outages_pruner' }
const DATABASE_TIMEOUT_MS = 1500

let child: ChildProcess
let output = ''
let url: string
let operations: string
let proxy: FaultProxy
let authorization: string
let authority: TokenAuthority

const readiness = async (): Promise<number> => (await fetch(`${operations}/health/ready`)).status
const deliveries = async (): Promise<Response> => await fetch(`${url}/deliveries`, { headers: { authorization } })

/** Asks until the answer is the one that is waited for; the test's own limit ends it. */
async function until(ask: () => Promise<number>, status: number): Promise<void> {
  while ((await ask()) !== status) await pause(20)
}

t.before(async () => {
  authority = createTokenAuthority(`http://127.0.0.1:${await freePort()}`)
  const database = await testDatabase(t, 'service-outages', async db => {
    for (const role of Object.values(ROLES)) await db.raw("create role ?? login password 'for-tests-only'", [role])
    await deliveryService.migrate(db, ROLES)
    await deliveryService.seedDemo(db, { ...FACTS, issuer: 'https://issuer.test' })
  })
  proxy = await faultProxy(
    t,
    Object.assign(new URL(database.url), { username: ROLES.appRole, password: 'for-tests-only' }).href
  )
  const operationsPort = await freePort()
  operations = `http://127.0.0.1:${operationsPort}`
  const token = await authority.mint({
    subject: USERS.courier1.subject,
    audience: 'delivery-service',
    roles: ['COURIER'],
    scope: 'deliveries:read'
  })
  authorization = `Bearer ${token}`
  child = fork(SERVER, {
    env: {
      ...CHILD_ENVIRONMENT,
      DATABASE_URL: proxy.url,
      PORT: '0',
      SALLYPORT_OPERATIONS_PORT: String(operationsPort),
      SALLYPORT_DRAIN_DELAY_MS: '0',
      SALLYPORT_DATABASE_TIMEOUT_MS: String(DATABASE_TIMEOUT_MS),
      SALLYPORT_ISSUER: authority.issuer,
      SALLYPORT_CLIENT_ID: 'delivery-service',
      SALLYPORT_CLIENT_SECRET: 'secret-secret-secret-secret-secret'
    },
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    silent: true
  })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      output += data.toString()
    })
  }
  const [message] = (await once(child, 'message')) as [{ type: string; url: string }]
  t.equal(message.type, 'ready', output)
  url = message.url
})

t.test(
  'a service that starts while the issuer is away listens, is not ready and says why, refuses with 503, and becomes ready by itself',
  async t => {
    t.equal(await readiness(), 503)
    const refused = await deliveries()
    t.equal(refused.status, 503)
    t.match(refused.headers.get('retry-after'), /^\d+$/)
    t.match(await refused.json(), { code: 'SALLYPORT_PROCESS_NOT_DISCOVERED' })
    t.equal((await fetch(`${operations}/health/live`)).status, 200)
    t.match(output, /issuer: not found yet/)
    t.match(output, /"check":"issuer"/)
    t.teardown(await authority.listen())
    await until(readiness, 200)
    t.equal((await deliveries()).status, 200)
    t.match(output, /issuer: found/)
  }
)

t.test(
  'a service whose database swallows packets is not ready, answers in time, and serves again without a restart',
  async t => {
    t.equal((await deliveries()).status, 200)
    proxy.set('silent')
    t.equal(await readiness(), 503)
    const failed = await Promise.all([deliveries(), deliveries(), deliveries()])
    for (const { status } of failed) t.equal(status, 503)
    t.ok(proxy.strikes() > 0, 'packets were swallowed')
    proxy.set('pass')
    await until(async () => (await deliveries()).status, 200)
    await until(readiness, 200)
    t.equal(child.exitCode, null)
  }
)

t.test('it ends in order', async t => {
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})
