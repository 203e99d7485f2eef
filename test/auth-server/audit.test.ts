import { verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { buildApp, postgresStore, settingsSchema } from '@sallyport/auth-server'
import { loadSettings } from '@sallyport/configuration'
import { openLiveSettings } from '@sallyport/service-process'
import {
  CHEAP,
  claimsOf,
  exchange,
  login,
  post,
  refresh,
  secretOf,
  SETTINGS,
  startServer,
  token
} from '../support/authorization-server.ts'
import { checkPersonalReading } from '../support/read-trail.ts'

t.test(
  'A8: logins, tokens, revocations, refusals, theft, key steps and changes of clients are in the audit trail, without a secret, and the chain verifies',
  async t => {
    const { app, clock, db } = await startServer(t)
    const session = (await login(app)).body
    const second = (await refresh(app, session.refresh_token)).body
    await refresh(app, second.refresh_token)
    const exchanged = (await exchange(app, second.access_token, 'order-service')).body.access_token
    await token(app, 'machine-client', { grant_type: 'client_credentials' })
    await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password: 'wrong' })
    clock.advance(11)
    await refresh(app, session.refresh_token)
    const other = (await login(app)).body
    await post(app, '/oauth2/revoke', 'gateway', { token: other.refresh_token ?? '' })
    const admin = (await exchange(app, (await login(app, 'admin1')).body.access_token, 'auth-server')).body.access_token
    const administered = async (method: 'POST' | 'PATCH', url: string, payload?: object) =>
      await app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${admin}` },
        ...(payload === undefined ? {} : { payload })
      })
    await administered('POST', '/admin/keys')
    await administered('PATCH', '/admin/clients/machine-client/keys', { dpopBoundTokens: false })
    await app.inject({ method: 'POST', url: '/admin/keys', headers: { authorization: `Bearer ${other.access_token}` } })
    await token(app, null, { grant_type: 'client_credentials', client_id: 'mtls-client' })
    await app.sealAudit()
    const rows = (await db('audit_events').orderBy('occurred_at')) as Array<{
      action: string
      outcome: string
      reason: string | null
    }>
    const seen = rows.map(({ action, outcome, reason }) => `${action} ${outcome} ${reason ?? ''}`.trim())
    for (const expected of [
      'session.start success',
      'session.refresh success',
      'token.exchange success',
      'token.issue success',
      'token.issue denied password-wrong',
      'session.end success refresh-token-reused',
      'token.issue denied refresh-token-reused',
      'session.end success revoked',
      'client.set-keys success'
    ]) {
      t.ok(seen.includes(expected), expected)
    }
    t.ok(
      seen.some(row => row.startsWith('key.publish success')),
      'a key step'
    )
    t.ok(
      seen.some(row => row.startsWith('key.') && row.includes('denied')),
      'a refused one'
    )
    t.ok(
      seen.some(row => /^token.issue denied client-/.test(row)),
      'a client without its certificate'
    )
    for (const secret of [session.access_token, session.refresh_token, exchanged]) {
      t.notOk(JSON.stringify(rows).includes(String(secret)))
    }
    t.match(await verifyChain(db), { ok: true })
  }
)

t.test('a login whose audit row cannot be written starts no session', async t => {
  const { app, db } = await startServer(t)
  await db.raw('alter table audit_events rename to audit_events_gone')
  const refused = await login(app)
  t.equal(refused.status, 503)
  t.notOk(refused.text.includes('access_token'))
  t.equal(Number((await db('sessions').count('*').first())?.count), 0)
})

t.test('an administrator with audit:read reads the trail, others do not', async t => {
  const { app } = await startServer(t)
  const bearer = async (user: 'admin1' | 'customer1') =>
    (await exchange(app, (await login(app, user)).body.access_token, 'auth-server')).body.access_token
  const read = async (value: string) =>
    await app.inject({ url: '/audit', headers: { authorization: `Bearer ${value}` } })
  const allowed = await read(await bearer('admin1'))
  t.equal(allowed.statusCode, 200)
  t.match(allowed.body, /session\.start/)
  const customer = await bearer('customer1')
  t.match(claimsOf(customer).aud, 'auth-server')
  t.equal((await read(customer)).statusCode, 403)
})

t.test(
  'the last audit rows are sealed when the app has closed, so before its process releases the database',
  async t => {
    const { db, another } = await startServer(t)
    const app = await another()
    await login(app)
    await app.close()
    t.equal(await unsealed(db), 0)
  }
)

t.test('who may read the trail sees no names, addresses and agents without a scope of their own', async t => {
  const { app } = await startServer(t)
  const payload = new URLSearchParams({ grant_type: 'password', username: 'customer1', password: 'not this one' })
  const authorization = `Basic ${Buffer.from(`gateway:${secretOf('gateway')}`).toString('base64')}`
  const headers = {
    authorization,
    'content-type': 'application/x-www-form-urlencoded',
    'user-agent': 'agent-of-a-person'
  }
  const wrong = await app.inject({ method: 'POST', url: '/oauth2/token', headers, payload: payload.toString() })
  t.equal(wrong.statusCode, 400)
  const subject = (await login(app, 'admin1')).body.access_token
  const as = async (scope: string) => ({
    authorization: `Bearer ${(await exchange(app, subject, 'auth-server', { scope })).body.access_token}`
  })
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/audit`
  const trail = { url, reader: await as('audit:read'), trusted: await as('audit:personal') }
  await checkPersonalReading(t, trail, 'token.issue', ['customer1', '127.0.0.1', 'agent-of-a-person'])
})

t.test('rows say which policies and settings were in force, also after a change of settings', async t => {
  const { db } = await startServer(t)
  const read = (sealingKeys: string) =>
    loadSettings({
      schema: settingsSchema,
      environment: {
        DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
        SALLYPORT_ISSUER: SETTINGS.issuer,
        SALLYPORT_SEALING_KEYS: sealingKeys
      }
    })
  const opened = openLiveSettings(read(SETTINGS.sealingKeys))
  const app = await buildApp(SETTINGS, { store: postgresStore(db), passwordParameters: CHEAP }, opened.live)
  t.after(async () => await app.close())
  const versions = async () => {
    await token(app, 'machine-client', { grant_type: 'client_credentials' })
    const [row] = await db('audit_events').orderBy('occurred_at', 'desc').limit(1)
    return [row.policy_version, row.configuration_version]
  }
  await app.ready()
  const digest = (): string => opened.live.state().digest
  t.same(await versions(), [app.policyVersion(), `1:${digest()}`])
  t.ok(await opened.take(() => read(`k2:${Buffer.alloc(32, 'k8').toString('base64url')} ${SETTINGS.sealingKeys}`)))
  t.same(await versions(), [app.policyVersion(), `2:${digest()}`], 'a secret is in no digest, and is another version')
})

/** Rows that are not in the chain yet. */
async function unsealed(db: Knex): Promise<number> {
  const { rows } = (await db.raw(
    'select count(*)::int as count from audit_events where id not in (select event_id from audit_seals)'
  )) as { rows: Array<{ count: number }> }
  return rows[0]?.count ?? 0
}
