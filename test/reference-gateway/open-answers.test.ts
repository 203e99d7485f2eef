import t, { type Test } from 'tap'
import { type Dispatcher, request } from 'undici'
import type { KeySource, StatusReference, StatusSource, VerificationKey } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import {
  accessToken,
  type EdgeOptions,
  failures,
  GOOD,
  keys as KEYS,
  oneRoute,
  startEdge,
  until
} from '../support/edge.ts'

const LIST = 'https://localhost:8081/oauth2/status-lists/1'

/** A status source whose answers the test sets, by index. */
function statusSource() {
  const revoked = new Set<number>()
  const followed: StatusReference[] = []
  const source: StatusSource & { unavailable: boolean } = {
    unavailable: false,
    follow: async reference => {
      followed.push(reference)
    },
    check: ({ index }) => (source.unavailable ? 'unavailable' : revoked.has(index) ? 'revoked' : 'valid'),
    ageMs: () => 0,
    close: async () => {}
  }
  return { source, revoked, followed }
}

/** One shared timer, which the test pulls. */
function pulledSchedule() {
  const runs: Array<() => Promise<void>> = []
  const schedule: Schedule = run => {
    runs.push(run)
    return {
      stop: () => {
        runs.length = 0
      }
    }
  }
  return {
    schedule,
    runs,
    look: async () => {
      await runs[0]?.()
    }
  }
}

/** A gateway before a service whose answers never end by themselves. */
async function startStreams(t: Test, options: EdgeOptions = {}) {
  const status = statusSource()
  const timer = pulledSchedule()
  const clock = { aheadMs: 0 }
  let closed = 0
  const edge = await startEdge(t, {
    table: oneRoute({ stream: true }),
    ...options,
    collaborators: {
      status: status.source,
      schedule: timer.schedule,
      clock: () => Date.now() + clock.aheadMs,
      ...options.collaborators
    }
  })
  edge.orders.answer = (_request, reply) => {
    reply.hijack()
    reply.raw.once('close', () => {
      closed++
    })
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
    reply.raw.write('data: 1\n\n')
  }
  async function open(
    claims: Record<string, unknown>
  ): Promise<{ ended: () => boolean; answer: Dispatcher.ResponseData }> {
    const token = await accessToken(claims)
    const answer = await request(`${edge.url}/orders`, { headers: { authorization: `Bearer ${token}` } })
    t.equal(answer.statusCode, 200)
    let ended = false
    answer.body
      .on('error', () => {})
      .on('close', () => {
        ended = true
      })
      .resume()
    return { ended: () => ended, answer }
  }
  return { edge, status, timer, clock, open, closedUpstream: () => closed }
}

const reference = (idx: number): Record<string, unknown> => ({ status: { status_list: { uri: LIST, idx } } })

t.test('an answer that is under way ends when its token is revoked; others go on', async t => {
  const { edge, status, timer, open, closedUpstream } = await startStreams(t)
  const [first, second] = [await open({ ...reference(1), sid: 's1' }), await open({ ...reference(2), sid: 's2' })]
  await timer.look()
  t.same([first.ended(), second.ended()], [false, false])
  status.revoked.add(1)
  await timer.look()
  await until(() => first.ended() && closedUpstream() === 1)
  t.notOk(second.ended())
  t.equal(timer.runs.length, 1, 'one timer for all')
  await until(() => failures(edge.events).length === 1)
  t.same(failures(edge.events), ['forward denied access-revoked'])
  await until(async () => (await edge.db('audit_events').first()) !== undefined)
  const rows = await edge.db('audit_events').select('action', 'outcome', 'reason', 'subject', 'client_id', 'detail')
  t.match(rows, [
    {
      action: 'answer.end',
      outcome: 'denied',
      reason: 'access-revoked',
      subject: '00000000-0000-4000-8000-000000000001',
      client_id: 'gateway',
      detail: { sessionId: 's1', audience: 'order-service' }
    }
  ])
  await timer.look()
  t.notOk(second.ended())
})

t.test(
  'an answer that is under way ends when the key of its token is withdrawn, or cannot be known any more',
  async t => {
    const published = { isPublished: true, find: async (): Promise<VerificationKey | null> => null }
    const keys: KeySource = {
      ...KEYS,
      isPublished: () => published.isPublished,
      find: async keyId => (published.isPublished ? await KEYS.find(keyId) : await published.find())
    }
    const { edge, timer, open } = await startStreams(t, { collaborators: { keys } })
    const first = await open({ ...reference(1), sid: 's1' })
    await timer.look()
    t.notOk(first.ended())
    published.isPublished = false
    await timer.look()
    await until(() => first.ended() && failures(edge.events).length === 1)
    published.isPublished = true
    const second = await open({ ...reference(2), sid: 's2' })
    published.isPublished = false
    published.find = async () => {
      throw new Error('away')
    }
    await timer.look()
    await until(() => second.ended() && failures(edge.events).length === 2)
    t.same(failures(edge.events), ['forward denied access-revoked', 'forward denied access-unconfirmed'])
  }
)

t.test(
  'an answer that is under way ends when its token expires, with the tolerance with which it was accepted',
  async t => {
    const { edge, timer, clock, open } = await startStreams(t)
    const stream = await open(reference(1))
    // The token is good for 300 s, and 5 s more.
    clock.aheadMs += 290_000
    await timer.look()
    t.notOk(stream.ended())
    clock.aheadMs += 16_000
    await timer.look()
    await until(stream.ended)
    await until(() => failures(edge.events).length === 1)
    t.same(failures(edge.events), ['forward denied access-expired'])
  }
)

t.test('an answer ends when its revocation cannot be known any more, after a look that waits for the list', async t => {
  const { edge, status, timer, open } = await startStreams(t)
  const stream = await open(reference(7))
  const before = status.followed.length
  status.source.unavailable = true
  status.source.follow = async followed => {
    status.followed.push(followed)
    status.source.unavailable = false
  }
  await timer.look()
  t.notOk(stream.ended(), 'the list was fetched again and says nothing against it')
  t.same(status.followed.slice(before), [{ uri: LIST, index: 7 }])
  status.source.follow = async () => {}
  status.source.unavailable = true
  await timer.look()
  await until(stream.ended)
  await until(() => failures(edge.events).length === 1)
  t.same(failures(edge.events), ['forward denied access-unconfirmed'])
})

t.test('ending a session at this gateway ends its answers at once, without a look', async t => {
  const ended: string[] = []
  const sessionDirectory = {
    list: async () => [],
    end: async (_token: string, sessionId: string) => {
      ended.push(sessionId)
      return true
    },
    endAll: async () => {}
  }
  const { edge, open } = await startStreams(t, { collaborators: { sessionDirectory } })
  const streams = [
    await open({ sid: 's1' }),
    await open({ sid: 's2' }),
    await open({ sid: 's3' }),
    await open({ sid: 's2', sub: 'somebody-else' })
  ]
  const endings = () => streams.map(({ ended }) => ended())
  t.equal((await request(`${edge.url}/sessions/s2`, { method: 'DELETE', headers: GOOD })).statusCode, 204)
  await until(() => streams[1]?.ended() === true)
  t.same(endings(), [false, true, false, false])
  t.equal((await request(`${edge.url}/sessions`, { method: 'DELETE', headers: GOOD })).statusCode, 204)
  await until(() => streams[0]?.ended() === true && streams[2]?.ended() === true)
  t.same(endings(), [true, true, true, false])
  t.same(ended, ['s2'])
  t.same(failures(edge.events), Array(3).fill('forward denied session-ended'))
})

t.test('an answer under an opaque token ends when the issuer says that the token is not active', async t => {
  let active = true
  const answer = () =>
    JSON.stringify({
      active,
      ...(active && {
        sub: 'robot',
        client_id: 'robot',
        aud: 'sallyport-gateway',
        iss: 'https://localhost:8081',
        exp: Math.floor(Date.now() / 1000) + 600,
        scope: 'orders:read'
      })
    })
  const fetch = async () => ({
    status: 200,
    headers: { get: () => null },
    body: (async function* () {
      yield Buffer.from(answer())
    })()
  })
  const introspection = {
    endpoint: 'https://localhost:8081/oauth2/introspect',
    clientId: 'gateway',
    clientSecret: 'secret',
    audience: 'sallyport-gateway',
    fetch,
    cacheMs: 0
  }
  const { edge, timer } = await startStreams(t, { collaborators: { introspection } })
  const { statusCode, body } = await request(`${edge.url}/orders`, {
    headers: { authorization: 'Bearer opaque-token' }
  })
  t.equal(statusCode, 200)
  let ended = false
  body
    .on('error', () => {})
    .on('close', () => {
      ended = true
    })
    .resume()
  await timer.look()
  t.notOk(ended)
  active = false
  await timer.look()
  await until(() => ended)
  await until(() => failures(edge.events).length === 1)
  t.same(failures(edge.events), ['forward denied access-revoked'])
})

t.test('an answer that ends by itself is not looked at any more, and the look ends with the gateway', async t => {
  const { edge, status, timer, open } = await startStreams(t)
  const stream = await open(reference(3))
  stream.answer.body.destroy()
  await until(() => edge.agent.counts()[edge.orders.origin]?.running === 0)
  const asked: number[] = []
  status.source.check = ({ index }) => {
    asked.push(index)
    return 'revoked'
  }
  await timer.look()
  t.same(asked, [])
  await edge.app.close()
  t.equal(timer.runs.length, 0)
})
