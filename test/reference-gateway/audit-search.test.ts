// GET /audit/events: one search over the trails of all processes.
import t, { type Test } from 'tap'
import { request } from 'undici'
import { accessToken, GOOD, startEdge, type Edge } from '../support/edge.ts'
import { checkPersonalReading } from '../support/read-trail.ts'

const admin = { authorization: `Bearer ${await accessToken({ roles: ['ADMIN'], scope: 'audit:read' })}` }

interface Found {
  readonly status: number
  readonly body: {
    readonly events: ReadonlyArray<{ readonly trail: string; readonly action: string }>
    readonly next: string | null
    readonly missing: ReadonlyArray<{ readonly trail: string; readonly reason: string }>
    readonly code?: string
    readonly detail?: string
  }
}

async function search({ url }: Edge, query = '', headers: Record<string, string> = admin): Promise<Found> {
  const { statusCode: status, body } = await request(`${url}/audit/events${query}`, { headers })
  return { status, body: (await body.json()) as Found['body'] }
}

/** What an audit route answers: a row at each of these seconds, the last first. */
const pageOf = (name: string, seconds: readonly number[]) => ({
  next: null,
  events: seconds
    .toSorted((one, other) => other - one)
    .map(second => ({
      action: `${name}.${second}`,
      occurredAt: `2001-01-01T00:00:0${second}.000000Z`,
      sequence: second
    }))
})

async function edgeWithTrails(t: Test): Promise<Edge> {
  const edge = await startEdge(t, {
    auditTrails: (orders, deliveries) => [`order-service=${orders}/audit`, `delivery-service=${deliveries}/audit`]
  })
  edge.orders.answer = () => pageOf('orders', [1, 3, 5])
  edge.deliveries.answer = () => pageOf('deliveries', [2, 4])
  return edge
}

t.test('rows of all processes come merged, under an exchanged token each, and the search is recorded', async t => {
  const edge = await edgeWithTrails(t)
  const { status, body } = await search(edge, '?txn=txn-1&limit=50')
  t.equal(status, 200)
  t.same(body.missing, [])
  t.same(
    body.events.filter(({ trail }) => trail !== 'reference-gateway').map(({ trail, action }) => `${trail} ${action}`),
    [
      'order-service orders.5',
      'delivery-service deliveries.4',
      'order-service orders.3',
      'delivery-service deliveries.2',
      'order-service orders.1'
    ]
  )
  t.equal(edge.orders.received.at(-1)?.url, '/audit?order=newest&limit=50&txn=txn-1')
  t.equal(edge.orders.received.at(-1)?.headers.authorization, 'Bearer token-for-order-service')
  t.equal(edge.deliveries.received.at(-1)?.headers.authorization, 'Bearer token-for-delivery-service')
  const own = await search(edge, '?action=audit.search')
  t.match(
    own.body.events.find(({ trail }) => trail === 'reference-gateway'),
    { action: 'audit.search', outcome: 'success', detail: { asked: { txn: 'txn-1', limit: 50, order: 'newest' } } }
  )
})

t.test('a process that fails, refuses or answers something else is named, and the rest is shown', async t => {
  const edge = await edgeWithTrails(t)
  edge.orders.answer = (_request, reply) => reply.code(403).send({})
  edge.deliveries.answer = () => ({ events: [{ secret: 'x' }], next: null })
  const { status, body } = await search(edge)
  t.equal(status, 200)
  t.same(body.missing, [
    { trail: 'order-service', reason: 'status-403' },
    { trail: 'delivery-service', reason: 'status-200' }
  ])
  await edge.agent.destroy()
  t.match((await search(edge)).body.missing, [{ reason: 'SALLYPORT_TOKEN_UPSTREAM_FAILED' }, { reason: /^SALLYPORT/ }])
})

t.test('only who may read the trail searches, and only for what there is', async t => {
  const edge = await edgeWithTrails(t)
  t.equal((await search(edge, '', {})).status, 401)
  t.equal((await search(edge, '', GOOD)).status, 403)
  t.equal(edge.orders.received.length, 0, 'nobody was asked')
  for (const query of ['?subjct=a', '?after=x', '?after=a&after=b', '?limit=101', '?subject=a&subject=b']) {
    const { status, body } = await search(edge, query)
    t.match({ status, body }, { status: 400, body: { code: 'SALLYPORT_AUDIT_QUERY_INVALID' } }, query)
  }
  t.equal(edge.orders.received.length, 0)
  const { rows } = await edge.db.raw<{ rows: { reason: string }[] }>(
    "select reason from audit_events where action = 'audit.search' and outcome <> 'success' and subject is not null"
  )
  t.ok(rows.some(({ reason }) => reason === 'SALLYPORT_AUDIT_QUERY_INVALID'))
  t.ok(rows.length >= 6, 'each refusal of a known caller is in the trail')
})

t.test('who may read the trail of the gateway sees no addresses and agents without a scope of their own', async t => {
  const edge = await startEdge(t)
  const agent = 'agent-of-a-person'
  t.equal((await request(`${edge.url}/audit/events`, { headers: { ...GOOD, 'user-agent': agent } })).statusCode, 403)
  const trusted = { authorization: `Bearer ${await accessToken({ roles: ['ADMIN'], scope: 'audit:personal' })}` }
  const trail = { url: `${edge.url}/audit/reference-gateway`, reader: admin, trusted }
  await checkPersonalReading(t, trail, 'audit.search', [agent, '127.0.0.1'])
  const found = await request(`${edge.url}/audit/events?action=audit.search`, { headers: admin })
  t.notMatch(await found.body.text(), agent, 'nor in a search over all')
  t.equal(
    (await request(`${edge.url}/audit/events`, { headers: trusted })).statusCode,
    403,
    'it is not the other right'
  )
})
