import metrics from '@sallyport/metrics'
import securityContext, { recordSecurityEvent } from '@sallyport/security-context'
import Fastify from 'fastify'
import t, { type Test } from 'tap'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const OPEN_METRICS = 'application/openmetrics-text'

async function appWithTraces(t: Test, withExemplars: boolean) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(metrics, {
    processMetrics: false,
    ...(withExemplars && { exemplarTraceId: ({ url }) => (url === '/recorded' ? TRACE_ID : null) })
  })
  for (const url of ['/recorded', '/unrecorded']) app.get(url, async () => 'ok')
  for (const url of ['/recorded', '/unrecorded']) await app.inject(url)
  return app
}

t.test('a duration names the recorded trace of its request, and no trace that nobody can look up', async t => {
  const app = await appWithTraces(t, true)
  const { body } = await app.exposeMetrics(OPEN_METRICS)
  const exemplars = body.split('\n').filter(line => line.includes(' # {'))
  t.equal(exemplars.length, 1)
  t.match(
    exemplars[0],
    new RegExp(`_bucket\\{.*http_route="/recorded".*\\} 1 # \\{trace_id="${TRACE_ID}"\\} \\S+ \\S+$`)
  )
  t.match(body, /http_server_request_duration_seconds_count\{.*http_route="\/unrecorded".*\} 1/)
  t.notMatch((await app.exposeMetrics()).body, TRACE_ID, 'the text format has no place for it')
})

t.test('a counted refusal names the recorded trace of the last request that was refused so', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(metrics, {
    processMetrics: false,
    exemplarTraceId: ({ query }) => (query as { trace?: string }).trace ?? null
  })
  app.get('/', async request => {
    recordSecurityEvent(request, { stage: 'authentication', outcome: 'success', reason: 'authenticated' })
    recordSecurityEvent(request, { stage: 'authorization', outcome: 'denied', reason: 'role-missing' })
    return 'x'
  })
  const first = '1'.repeat(32)
  for (const url of [`/?trace=${first}`, `/?trace=${TRACE_ID}`, '/']) await app.inject(url)
  const events = async (): Promise<string[]> =>
    (await app.exposeMetrics(OPEN_METRICS)).body.split('\n').filter(line => line.includes('events_total{'))
  const [authenticated, refused] = await events()
  t.notMatch(authenticated, ' # {', 'a success is nothing to look up')
  t.match(refused, new RegExp(`reason="role-missing".* 3(\\.0)? # \\{trace_id="${TRACE_ID}"\\}`))
  await app.inject('/')
  t.match(
    (await events())[1],
    new RegExp(`reason="role-missing".* 4(\\.0)? # \\{trace_id="${TRACE_ID}"\\}`),
    'it stays'
  )
})

t.test('what is no trace id is no exemplar, whatever a caller makes an app hand over', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(metrics, {
    processMetrics: false,
    exemplarTraceId: ({ headers }) => headers['x-trace'] as string
  })
  app.get('/', async request => {
    recordSecurityEvent(request, { stage: 'authorization', outcome: 'denied', reason: 'role-missing' })
    return 'x'
  })
  for (const trace of ['a"} 1\n# evil 1', 'x'.repeat(4000), TRACE_ID.toUpperCase(), `${TRACE_ID}0`, '']) {
    await app.inject({ url: '/', headers: { 'x-trace': trace } })
  }
  await app.inject('/')
  const { body } = await app.exposeMetrics(OPEN_METRICS)
  t.notMatch(body, /evil|xxxx| # \{/)
  t.match(body, /reason="role-missing".* 6/)
})

t.test('without the option there are no exemplars', async t => {
  const app = await appWithTraces(t, false)
  const { body } = await app.exposeMetrics(OPEN_METRICS)
  t.notMatch(body, ' # {')
  t.match(body, /_count\{.*http_route="\/recorded".*\} 1/)
})
