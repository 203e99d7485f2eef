// Whose word about the end user's address reaches the audit trail.
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import t, { type Test } from 'tap'
import { startStack } from '../support/stack.ts'
import { as, authority, SETTINGS, startService, USERS } from '../support/services.ts'

const AUDIENCE = 'order-service'
const USER = '203.0.113.7'
const GATEWAY = '127.0.0.1'
const [anchor] = DEMO_RESTAURANTS
const foreign = DEMO_ORDERS.find(({ customer }) => customer === 'customer2')!

interface Call {
  readonly act?: object | null
  readonly forwarded?: string | string[]
  readonly peer?: string
  readonly claims?: object
}

/** A denied read, and the addresses of its row. */
async function addressesOf(
  t: Test,
  calls: Readonly<Record<string, Call>>,
  settings: object = {}
): Promise<Record<string, [unknown, unknown]>> {
  const service = await startService(t, orderService, {
    ...SETTINGS,
    restaurantServiceOrigin: 'http://127.0.0.1:1',
    ...settings
  })
  const found: Record<string, [unknown, unknown]> = {}
  for (const [what, { act = { sub: 'gateway' }, forwarded = USER, peer = GATEWAY, claims = {} }] of Object.entries(
    calls
  )) {
    const token = await authority.mint({
      subject: USERS.customer1.subject,
      audience: AUDIENCE,
      roles: ['CUSTOMER'],
      scope: 'orders:read',
      act: act as Record<string, unknown> | null,
      claims: { ...claims }
    })
    const answer = await service.app.inject({
      url: `/orders/${foreign.orderId}`,
      headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': forwarded },
      remoteAddress: peer
    })
    t.equal(answer.statusCode, 404, what)
    const row = (await service.audit()).at(-1)
    found[what] = [row?.source_address, row?.peer_address]
  }
  return found
}

t.test('the end user’s address is believed of the gateway, from a trusted address', async t => {
  t.same(
    await addressesOf(t, {
      IPv4: {},
      IPv6: { forwarded: '2001:db8::7' },
      'another address of this machine': { peer: '127.8.0.1' },
      'loopback of IPv6': { peer: '::1' },
      'IPv4 in an IPv6 socket': { peer: '::ffff:127.0.0.1' }
    }),
    {
      IPv4: [USER, GATEWAY],
      IPv6: ['2001:db8::7', GATEWAY],
      'another address of this machine': [USER, '127.8.0.1'],
      'loopback of IPv6': [USER, '::1'],
      'IPv4 in an IPv6 socket': [USER, '::ffff:127.0.0.1']
    }
  )
})

t.test('nobody else’s word about the end user’s address is believed', async t => {
  const peer = '198.51.100.9'
  t.same(
    await addressesOf(t, {
      'a user’s own token': { act: null },
      'another client acts': { act: { sub: 'delivery-service' } },
      'the gateway acted before': { act: { sub: 'delivery-service', act: { sub: 'gateway' } } },
      'a token that the gateway was issued': { act: null, claims: { client_id: 'gateway' } },
      'the gateway’s name in capitals': { act: { sub: 'GATEWAY' } },
      'a history of addresses': { forwarded: `${USER}, 10.0.0.1` },
      'the header twice': { forwarded: [USER, USER] },
      'no address': { forwarded: 'localhost' },
      'an address with a port': { forwarded: `${USER}:443` },
      'an empty header': { forwarded: '' }
    }),
    Object.fromEntries(
      [
        'a user’s own token',
        'another client acts',
        'the gateway acted before',
        'a token that the gateway was issued',
        'the gateway’s name in capitals',
        'a history of addresses',
        'the header twice',
        'no address',
        'an address with a port',
        'an empty header'
      ].map(what => [what, [GATEWAY, null]])
    )
  )
  t.same(await addressesOf(t, { 'an untrusted address': { peer } }), { 'an untrusted address': [peer, null] })
  t.same(await addressesOf(t, { 'a caller that is no longer configured': {} }, { forwardingCallers: ['edge'] }), {
    'a caller that is no longer configured': [GATEWAY, null]
  })
  t.same(await addressesOf(t, { 'no trusted addresses': {} }, { trustedProxies: [] }), {
    'no trusted addresses': [GATEWAY, null]
  })
  t.same(
    await addressesOf(
      t,
      { 'one trusted address': { peer }, 'its neighbour': { peer: '198.51.100.10' } },
      { trustedProxies: [peer] }
    ),
    { 'one trusted address': [USER, peer], 'its neighbour': ['198.51.100.10', null] }
  )
})

t.test('a stranger’s header reaches the trail of no refusal', async t => {
  const service = await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' })
  for (const headers of [{}, await as('customer1', 'restaurant-service')]) {
    t.equal(
      (await service.app.inject({ url: '/orders', headers: { ...headers, 'x-forwarded-for': USER } })).statusCode,
      401
    )
  }
  await service.app.sealAudit()
  const rows = await service.audit()
  t.ok(rows.length > 0)
  t.same(new Set(rows.map(row => row.source_address)), new Set([GATEWAY]))
})

t.test('a service tells the next one where the end user is', async t => {
  const { orders, restaurants, deliveries } = await startStack(t)
  const forwarded = { 'x-forwarded-for': USER }
  const placed = await orders.app.inject({
    method: 'POST',
    url: '/orders',
    headers: { ...(await as('customer1', AUDIENCE)), ...forwarded },
    payload: {
      restaurantId: anchor.restaurantId,
      lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }],
      deliveryAddress: 'here'
    }
  })
  t.equal(placed.statusCode, 201)
  const accepted = await restaurants.app.inject({
    method: 'POST',
    url: `/tickets/${placed.json().ticketId}/accept`,
    headers: { ...(await as('restaurant1', 'restaurant-service')), ...forwarded }
  })
  t.equal(accepted.statusCode, 200)
  for (const [service, action] of [
    [orders, 'order.place'],
    [orders, 'order.approve'],
    [restaurants, 'ticket.open'],
    [restaurants, 'ticket.accept'],
    [deliveries, 'delivery.open']
  ] as const) {
    t.match(
      (await service.audit()).find(row => row.action === action),
      { source_address: USER, peer_address: '127.0.0.1' },
      action
    )
  }
})
