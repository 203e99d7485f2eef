// GET /audit/events/live: the trails of all processes as they grow.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { readLiveEvents, runAuditCommand, type ReceivedEvent } from '@sallyport/audit-log'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { placesText } from '../../plugins/audit-log/src/search/trail-places.ts'
import { edgeTrail } from '../../reference-gateway/src/edge-trail.ts'
import { accessToken, GOOD, SETTINGS, startEdge, until, type Edge } from '../support/edge.ts'

const tokenOf = async (more: Record<string, unknown> = {}) => ({
  authorization: `Bearer ${await accessToken({ roles: ['ADMIN'], scope: 'audit:read', ...more })}`
})
const admin = await tokenOf()

async function edgeWithTrails(t: Test): Promise<Edge> {
  return await startEdge(t, {
    auditTrails: (orders, deliveries) => [`order-service=${orders}/audit`, `delivery-service=${deliveries}/audit`]
  })
}

/** A live trail of a service: what it writes is sent on. */
function liveService({ orders: service }: Pick<Edge, 'orders'>): PassThrough {
  const stream = new PassThrough()
  service.answer = (_request, reply) => reply.type('text/event-stream').send(stream)
  stream.write(': the trail follows\nid: 7\n\n')
  return stream
}

const rowText = (sequence: number, action: string): string => {
  const occurredAt = `2001-01-01T00:00:00.00000${sequence}Z`
  return `id: ${sequence}\nevent: audit\ndata: ${JSON.stringify({ sequence, occurredAt, action })}\n\n`
}

interface Tail {
  readonly status: number
  /** The next event with data. */
  readonly next: () => Promise<ReceivedEvent & { readonly said: Readonly<Record<string, unknown>> }>
  readonly ended: () => Promise<void>
  readonly leave: () => void
}

async function follow({ url }: Edge, query = '', headers: Record<string, string> = admin): Promise<Tail> {
  const leaving = new AbortController()
  const answer = await fetch(`${url}/audit/events/live${query}`, { headers, signal: leaving.signal })
  const events = readLiveEvents(answer.body ?? (async function* () {})())
  return {
    status: answer.status,
    next: async () => {
      for (;;) {
        const { done, value } = await events.next()
        if (done === true) throw new Error('the stream has ended')
        if (value.data !== '') return { ...value, said: JSON.parse(value.data) as Record<string, unknown> }
      }
    },
    ended: async () => {
      while ((await events.next()).done !== true);
    },
    leave: () => {
      leaving.abort()
    }
  }
}

t.test(
  'rows of all processes come as one stream, each under an exchanged token, and following is recorded',
  async t => {
    const edge = await edgeWithTrails(t)
    const [orders, deliveries] = [liveService(edge), liveService({ orders: edge.deliveries })]
    const tail = await follow(edge, '?txn=txn-1')
    t.equal(tail.status, 200)
    await until(() => edge.orders.received.length > 0 && edge.deliveries.received.length > 0)
    t.match(edge.orders.received[0], {
      url: '/audit/live?txn=txn-1',
      headers: { authorization: 'Bearer token-for-order-service', accept: 'text/event-stream' }
    })
    orders.write(rowText(9, 'later'))
    deliveries.write(rowText(8, 'earlier'))
    const first = await tail.next()
    t.match(first, { event: 'audit', said: { trail: 'delivery-service', action: 'earlier', sequence: 8 } })
    const second = await tail.next()
    t.match(second, { event: 'audit', said: { trail: 'order-service', action: 'later', sequence: 9 } })
    tail.leave()

    const again = await follow(edge, '', { ...admin, 'last-event-id': second.id ?? '' })
    await until(() => edge.orders.received.length > 1 && edge.deliveries.received.length > 1)
    t.equal(edge.orders.received[1]?.url, '/audit/live?after=9', 'who comes back goes on in each trail')
    t.equal(edge.deliveries.received[1]?.url, '/audit/live?after=8')
    again.leave()
    await edge.app.sealAudit()
    const { rows } = await edge.db.raw<{ rows: object[] }>(
      "select 1 from audit_events where action = 'audit.follow' and outcome = 'success' and process = 'reference-gateway'"
    )
    t.equal(rows.length, 2, 'once for each')
  }
)

t.test("the gateway's own rows are among them, and a trail that does not answer is named until it does", async t => {
  const edge = await edgeWithTrails(t)
  liveService(edge)
  edge.deliveries.answer = (_request, reply) => reply.code(403).send({})
  const tail = await follow(edge, '?action=audit.read')
  t.match(await tail.next(), { event: 'missing', said: { trail: 'delivery-service', reason: 'status-403' } })
  const deliveries = liveService({ orders: edge.deliveries })
  await request(`${edge.url}/audit/reference-gateway?limit=1`, { headers: admin })
  const seen = new Map<string, unknown>()
  while (seen.size < 2) {
    const { event, said } = await tail.next()
    seen.set(event, said)
  }
  t.match(seen.get('audit'), { trail: 'reference-gateway', action: 'audit.read' })
  t.match(seen.get('back'), { trail: 'delivery-service' })
  deliveries.end()
  tail.leave()
})

t.test(
  'what a row says of persons stays concealed from who follows all trails, also in rows of an old form',
  async t => {
    const edge = await edgeWithTrails(t)
    liveService(edge)
    liveService({ orders: edge.deliveries })
    const after = placesText(new Map([['reference-gateway', 0]]))
    const tail = await follow(edge, `?action=session.login&after=${after}`)
    const clear = { source_address: '198.51.100.7', peer_address: '192.0.2.1', name_tried: 'grace' }
    await edge.db('audit_events').insert({
      ...clear,
      ...{ id: randomUUID(), occurred_at: new Date(), process: 'reference-gateway', version: 2 },
      ...{
        action: 'session.login',
        outcome: 'denied',
        detail: JSON.stringify({ sourceAddress: clear.source_address })
      },
      content_hash: Buffer.alloc(32)
    })
    await edge.app.sealAudit()
    const { event, said, data } = await tail.next()
    t.match({ event, said }, { event: 'audit', said: { trail: 'reference-gateway', sourceAddress: '[sealed]' } })
    for (const value of Object.values(clear)) t.notMatch(data, value)
    tail.leave()
  }
)

t.test(
  'only who may read the trails follows them, with filters that there are, and as long as the access lasts',
  async t => {
    const edge = await edgeWithTrails(t)
    t.equal((await follow(edge, '', {})).status, 401)
    t.equal((await follow(edge, '', GOOD)).status, 403)
    for (const query of ['?subjct=a', '?order=oldest', '?limit=5', '?after=x', '?after=a&after=b']) {
      t.equal((await follow(edge, query)).status, 400, query)
    }
    t.equal(edge.orders.received.length, 0, 'nobody was asked')
    liveService(edge)
    liveService({ orders: edge.deliveries })
    const over = await follow(edge, '', await tokenOf({ exp: Math.floor(Date.now() / 1000) - 4 }))
    t.equal(over.status, 200, 'within the tolerance of clocks')
    await over.ended()
    t.pass('and no longer')
    const tails = await Promise.all(Array.from({ length: 8 }, async () => await follow(edge)))
    t.equal((await follow(edge)).status, 503, 'not more than the gateway lets')
    for (const tail of tails) tail.leave()
    await edge.app.close()
  }
)

t.test('one of four workers serves its share of the tails, and of the streams of its own trail', async t => {
  const edge = await startEdge(t, { settings: { workers: 4, databaseConnections: 8 } })
  const tails = await Promise.all([follow(edge), follow(edge)])
  t.same([...tails.map(({ status }) => status), (await follow(edge)).status], [200, 200, 503])
  for (const tail of tails) tail.leave()
  const parts = { db: edge.db, versions: () => ({}) }
  const streams = [1, 4].map(workers => edgeTrail({ ...SETTINGS, workers }, 'gateway', parts).route)
  t.match(streams, [{ maxStreams: 32 }, { maxStreams: 8 }])
  await edge.app.close()
})

/** A server that answers everything, and not with rows. */
async function otherServer(t: Test): Promise<string> {
  const server = createServer((_request, response) => response.end('{"events":[{"secret":1}]}')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('the commands search and follow all trails through the gateway, and name what is missing', async t => {
  const edge = await edgeWithTrails(t)
  const lines = { out: '', error: '' }
  const stopping = new AbortController()
  const command = async (line: string, more: Partial<Parameters<typeof runAuditCommand>[0]> = {}) => {
    Object.assign(lines, { out: '', error: '' })
    return await runAuditCommand({
      args: line.split(' '),
      environment: { SALLYPORT_AUDIT_AUTHORIZATION: admin.authorization },
      call: 'sallyport-audit',
      out: text => (lines.out += text),
      error: text => (lines.error += text),
      ...more
    })
  }
  const row = (action: string) => ({ sequence: 1, occurredAt: '2001-01-01T00:00:00.000001Z', action, repeats: 1 })
  edge.orders.answer = () => ({ events: [row('order.place')], next: null })
  edge.deliveries.answer = (_request, reply) => reply.code(403).send({})
  t.equal(await command(`search --action order.place --gateway ${edge.url}`), 1, 'not all have answered')
  t.match(lines, { out: /^order-service {2}.*order\.place/, error: 'missing: delivery-service status-403\n' })
  edge.deliveries.answer = () => ({ events: [row('delivery.open')], next: null })
  t.equal(await command(`search --json --limit 5 --gateway ${edge.url}`), 0)
  t.match(lines.out, '"trail":"delivery-service"')

  const orders = liveService(edge)
  edge.deliveries.answer = (_request, reply) => reply.code(403).send({})
  const tail = command(`tail --gateway ${edge.url}`, { signal: stopping.signal })
  orders.write(rowText(9, 'order.cancel'))
  await until(() => lines.out.includes('order.cancel') && lines.error.includes('delivery-service'))
  t.match(lines, { out: /^order-service {2}/m, error: 'missing: delivery-service status-403' })
  stopping.abort()
  t.equal(await tail, 0)

  for (const [line, environment, message] of [
    [`search --gateway ${edge.url}`, {}, /SALLYPORT_AUDIT_AUTHORIZATION is missing/],
    ['tail --gateway http://gateway.example', undefined, /--gateway is no https/],
    [`search --from yesterday --gateway ${edge.url}`, undefined, /from/],
    [`search --subjct x --gateway ${edge.url}`, undefined, /subjct/],
    ...['--personal', '--name a', '--source-address b', '--after 1'].map(
      flag => [`search ${flag} --gateway ${edge.url}`, undefined, /is for the trail of one database/] as const
    ),
    [`tail --lines 3 --gateway ${edge.url}`, undefined, /--lines is for the trail of one database/],
    [`search --ca /nowhere.pem --gateway ${edge.url}`, undefined, /the file of --ca cannot be read/]
  ] as const) {
    t.equal(await command(line, environment && { environment }), 2, line)
    t.match(lines.error, message)
  }
  const other = { SALLYPORT_AUDIT_AUTHORIZATION: GOOD.authorization }
  t.equal(await command(`tail --gateway ${edge.url}`, { environment: other }), 1, 'who may not read is told so')
  t.match(lines.error, /answered 403 SALLYPORT_AUTHORIZATION_FORBIDDEN/)
  t.equal(await command(`search --gateway ${edge.url}`, { environment: other }), 1, 'and so in a search')
  t.match(lines.error, /answered 403 SALLYPORT_AUTHORIZATION_FORBIDDEN/)
  t.equal(await command(`search --gateway ${await otherServer(t)}`), 1, 'a server of something else')
  t.match(lines.error, /something else than a page/)
})
