// Every kind of event that an auditor asks for, found in the trails of real processes that did it.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { recordedAccessChanges } from '@sallyport/authorization'
import * as restaurantService from '@sallyport/restaurant-service'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { exchange, login, post, refresh, startServer, token } from '../support/authorization-server.ts'
import { makeAuthority } from '../support/certificates.ts'
import {
  ofApplication,
  put,
  startServer as startConfigurationServer
} from './configuration-server/support/configuration-server.ts'
import { SETTINGS, startService } from './support/services.ts'

/** What is asked for, and the record of it as `process: action outcome reason`. */
const KINDS: Readonly<Record<string, RegExp>> = {
  login: /^auth-server: session\.start success/m,
  'issue of a token': /^auth-server: token\.issue success/m,
  exchange: /^auth-server: token\.exchange success/m,
  'reuse of a refresh token': /^auth-server: session\.end success refresh-token-reused/m,
  revocation: /^auth-server: session\.end success revoked/m,
  denial: /^auth-server: token\.issue denied password-wrong/m,
  'denial of a right': /^auth-server: key\.publish denied/m,
  'change of a key': /^auth-server: key\.publish success/m,
  'change of a role': /^auth-server: role\.create success/m,
  'change of the roles of a user': /^auth-server: user\.set-roles success/m,
  'failure of a certificate': /^auth-server: connection\.handshake denied ERR_SSL/m,
  'change of the configuration': /^configuration-server: configuration\.replace success/m,
  'read of what is sensitive, as declared': /^configuration-server: configuration\.read-secrets success/m,
  'change of an access control list': /^restaurant-service: access\.grant success/m,
  'end of a permission': /^restaurant-service: access\.withdraw success/m,
  boot: /^restaurant-service: process\.start success/m,
  stop: /^restaurant-service: process\.stop success/m
}

t.test('every kind of event that the trail is for leaves its record in a real run', async t => {
  const trail = [await ofAuthorizationServer(t), await ofConfigurationServer(t), await ofRestaurantService(t)].join(
    '\n'
  )
  for (const [kind, record] of Object.entries(KINDS)) t.match(trail, record, kind)
})

async function ofAuthorizationServer(t: Test): Promise<string> {
  const { app, db, clock, another } = await startServer(t)
  const session = (await login(app)).body
  const second = (await refresh(app, session.refresh_token)).body
  await refresh(app, second.refresh_token)
  clock.advance(11)
  await refresh(app, session.refresh_token)
  await token(app, 'machine-client', { grant_type: 'client_credentials' })
  await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password: 'not this one' })
  const other = (await login(app)).body
  const subject = (await login(app, 'admin1')).body.access_token
  const { access_token: admin } = (await exchange(app, subject, 'auth-server')).body
  const customer = (await exchange(app, other.access_token, 'auth-server')).body.access_token
  const ask = async (bearer: string, method: 'POST' | 'PUT', url: string, payload?: object) =>
    await app.inject({ method, url, headers: { authorization: `Bearer ${bearer}` }, ...(payload && { payload }) })
  t.equal((await ask(customer, 'POST', '/admin/keys')).statusCode, 403)
  t.equal((await ask(admin, 'POST', '/admin/keys')).statusCode, 201)
  t.equal((await ask(admin, 'POST', '/admin/roles', { name: 'CLERK' })).statusCode, 201)
  const user = '00000000-0000-4000-8000-000000000002'
  const roles = { roles: ['CUSTOMER', 'CLERK'] }
  t.equal((await ask(admin, 'PUT', `/admin/users/${user}/roles`, roles)).statusCode, 204)
  await post(app, '/oauth2/revoke', 'gateway', { token: other.refresh_token ?? '' })

  const authority = await makeAuthority()
  const issued = await authority.issue({ names: ['localhost'] })
  const secure = await another({}, { tls: { ...issued, ca: authority.certificate } })
  await secure.listen({ port: 0, host: '127.0.0.1' })
  const { port } = secure.server.address() as AddressInfo
  const old = connect({
    port,
    host: '127.0.0.1',
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0'
  })
  old.on('error', () => {})
  await once(secure.server, 'tlsClientError')
  old.destroy()
  await secure.sealAudit()
  return await recordsIn(db)
}

async function ofConfigurationServer(t: Test): Promise<string> {
  const server = await startConfigurationServer(t)
  await put(server, 'orders/default/main', { limit: 1 }, { apiKey: 'a-secret' })
  const headers = await ofApplication('orders')
  t.equal((await server.app.inject({ url: '/orders/default', headers })).statusCode, 200)
  return await recordsIn(server.owner)
}

async function ofRestaurantService(t: Test): Promise<string> {
  const settings = { ...SETTINGS, nodeEnv: 'development', deliveryServiceOrigin: 'http://127.0.0.1:1' }
  const { app, db, owner } = await startService(t, restaurantService, settings)
  const access = recordedAccessChanges(app.auditWithin)
  const entry = { subject: 'somebody', resourceType: 'restaurant', resourceId: '17', permission: 'manage' }
  await app.listen({ port: 0, host: '127.0.0.1' })
  await db.transaction(async trx => {
    await access.grant(trx, entry)
  })
  await db.transaction(async trx => await access.withdraw(trx, entry))
  await app.close()
  return await recordsIn(owner)
}

async function recordsIn(db: Knex): Promise<string> {
  const rows = (await db('audit_events').orderBy('occurred_at')) as Readonly<Record<string, string | null>>[]
  return rows
    .map(({ process, action, outcome, reason }) => `${process}: ${action} ${outcome} ${reason ?? ''}`)
    .join('\n')
}
