// A service that takes tokens of a partner's issuer, by a setting.
import { owner } from '@sallyport/authorization'
import { buildService, type ServiceDefinition } from '@sallyport/service-kit'
import { TXN_HEADER } from '@sallyport/security-context'
import { createIssuer } from '@sallyport/testing'
import t, { type Test } from 'tap'
import * as orderService from '@sallyport/order-service'
import * as restaurantService from '@sallyport/restaurant-service'
import { authority, SETTINGS, startService } from '../support/services.ts'

const PARTNER = 'https://partner.example'
const NAME = 'restaurant-service'
const furtherIssuers = JSON.stringify([{ issuer: PARTNER, roles: ['CUSTOMER'], tenant: 'partners' }])

/** A service with these routes, on the database of another. */
async function startWithPartner(t: Test, routes: ServiceDefinition['routes'], more: object = {}) {
  const partner = createIssuer({ issuer: PARTNER, audience: NAME })
  const service = await startService(
    t,
    {
      ...restaurantService,
      buildApp: (settings: ServiceDefinition['settings'], collaborators) =>
        buildService({ name: NAME, settings, collaborators, upstreams: {}, routes })
    },
    { ...SETTINGS, furtherIssuers, ...more },
    { issuerAgent: partner.dispatcher }
  )
  return { partner, ...service }
}

const whoRoute: ServiceDefinition['routes'] = async app => {
  app.get('/who', { config: { access: 'authenticated', audit: 'none' } }, async ({ principal, txn }) => ({
    issuer: principal?.issuer,
    subject: principal?.subject,
    roles: principal?.roles,
    tenant: principal?.tenant ?? null,
    txn
  }))
}

t.test(
  'a service takes a partner’s tokens by a setting: identity is issuer and subject, roles are those it names',
  async t => {
    const { partner, app } = await startWithPartner(t, whoRoute)
    const ask = async (token: string, headers: Record<string, string> = {}) =>
      await app.inject({ url: '/who', headers: { ...headers, authorization: `Bearer ${token}` } })
    const claims = { sub: 'same', roles: ['CUSTOMER', 'ADMIN'] }
    t.match((await ask(partner.token(claims))).json(), {
      issuer: PARTNER,
      subject: 'same',
      roles: ['CUSTOMER'],
      tenant: 'partners'
    })
    const own = await authority.mint({ subject: 'same', audience: NAME, roles: ['CUSTOMER', 'ADMIN'] })
    t.match((await ask(own)).json(), { issuer: authority.issuer, roles: ['CUSTOMER', 'ADMIN'], tenant: null })
    t.equal((await ask(partner.token({ aud: 'other' }))).statusCode, 401)

    const stated = { [TXN_HEADER]: '00000000-0000-4000-8000-0000000000aa' }
    const acts = { ...claims, act: { sub: 'gateway' } }
    const ofOwn = (await ask(own, stated)).json<{ txn: string }>()
    const ofPartner = (await ask(partner.token(acts), stated)).json<{ txn: string }>()
    t.equal(ofOwn.txn, stated[TXN_HEADER], 'our gateway is believed')
    t.not(ofPartner.txn, stated[TXN_HEADER], 'a client of the same name at the partner’s is somebody else')
  }
)

t.test('a service whose policies do not say whose subjects they mean does not boot with a second issuer', async t => {
  const ownRow: ServiceDefinition['routes'] = async app => {
    const config = { access: owner('ownerId'), resource: async () => ({ ownerId: 'same' }), audit: 'none' } as const
    app.get('/own', { config }, async () => ({}))
  }
  await t.rejects(startWithPartner(t, ownRow), /issuer/)
})

t.test(
  'order-service does not boot with a second issuer: its orders name their customer without an issuer',
  async t => {
    const settings = { ...SETTINGS, restaurantServiceOrigin: 'https://restaurant.example', furtherIssuers }
    const { dispatcher } = createIssuer({ issuer: PARTNER, audience: 'order-service' })
    await t.rejects(startService(t, orderService, settings, { issuerAgent: dispatcher }), {
      code: 'SALLYPORT_AUTHORIZATION_POLICIES_INVALID',
      message: /GET \/orders\/:orderId: access[\w.]+\.owner names no issuer, and this app takes tokens of several/
    })
  }
)

t.test('a wrong list is refused at boot, by the name of what is wrong', async t => {
  const wrong = JSON.stringify([{ issuer: authority.issuer }, { issuer: 'http://partner.example' }])
  await t.rejects(startWithPartner(t, whoRoute, { furtherIssuers: wrong }), {
    code: 'SALLYPORT_SERVICE_SETTINGS_INVALID',
    message: /furtherIssuers\.1\.issuer must/
  })
})
