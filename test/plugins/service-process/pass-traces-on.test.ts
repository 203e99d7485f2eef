import securityContext from '@sallyport/security-context'
import { startTracing } from '@sallyport/service-process'
import Fastify from 'fastify'
import t, { type Test } from 'tap'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-00`

/** What a handler sees when nobody records spans. */
async function passedOn(t: Test, acceptIncoming: boolean, headers: Record<string, string>) {
  const tracing = startTracing({ serviceName: 'test', acceptIncoming })
  const app = Fastify()
  await app.register(tracing.plugin)
  await app.register(securityContext, { traceId: tracing.traceId })
  app.get('/', async request => ({
    id: request.traceId,
    first: tracing.outgoingHeaders(request),
    second: tracing.outgoingHeaders(request),
    baggage: request.headers.baggage ?? null
  }))
  t.after(() => app.close())
  return (await app.inject({ url: '/', headers: { baggage: 'a=b', ...headers } })).json<{
    id: string
    first: Record<string, string>
    second: Record<string, string>
    baggage: null
  }>()
}

t.test(
  'without a recorder of spans a trace is continued with its flag and its state, and never its baggage',
  async t => {
    const { id, first, second, baggage } = await passedOn(t, true, { traceparent: TRACEPARENT, tracestate: 'x=y' })
    t.equal(id, TRACE)
    t.match(first, { traceparent: new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`), tracestate: 'x=y' })
    t.notMatch(first.traceparent, 'b7ad6b7169203331', 'the parent of a call is this request')
    t.same(second, first, 'all calls of a request have one parent')
    t.equal(baggage, null)
  }
)

t.test('without a recorder the edge begins a trace of its own', async t => {
  const { id, first } = await passedOn(t, false, { traceparent: TRACEPARENT, tracestate: 'x=y' })
  t.not(id, TRACE)
  t.match(first.traceparent, new RegExp(`^00-${id}-[0-9a-f]{16}-01$`))
  t.notOk('tracestate' in first)
})

t.test('without a recorder a malformed trace is none, and its state goes with it', async t => {
  for (const traceparent of [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `00-${TRACE.toUpperCase()}-1-01`, 'x']) {
    const { id, first } = await passedOn(t, true, { traceparent, tracestate: 'x=y' })
    t.match(first.traceparent, new RegExp(`^00-${id}-[0-9a-f]{16}-01$`), traceparent)
    t.notOk('tracestate' in first, traceparent)
    t.not(id, TRACE)
  }
})
