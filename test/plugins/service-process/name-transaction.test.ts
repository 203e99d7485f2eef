import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import securityContext from '@sallyport/security-context'
import { instanceOptions, nameTransaction, startTracing } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'

t.test('every line of a request and its span have the transaction of its audit rows', async t => {
  const spans = new InMemorySpanExporter()
  const tracing = startTracing({
    serviceName: 'test',
    acceptIncoming: true,
    spanProcessors: [new SimpleSpanProcessor(spans)]
  })
  t.after(() => tracing.close())
  const lines: Array<Record<string, unknown>> = []
  const options = instanceOptions({
    name: 'test',
    settings: { logLevel: 'info', trustedProxies: [] },
    tracing,
    requestIds: 'own'
  })
  const app = Fastify({
    ...options,
    logger: { level: 'info', stream: { write: (line: string) => lines.push(JSON.parse(line)) } }
  })
  await app.register(tracing.plugin)
  await app.register(securityContext, { txn: () => null })
  await app.register(nameTransaction)
  app.get('/', async request => {
    request.log.info('at work')
    return { txn: request.txn }
  })
  const txns: string[] = []
  for (let i = 0; i < 2; i++) {
    lines.length = 0
    const { txn } = (await app.inject('/')).json<{ txn: string }>()
    t.same(
      lines.filter(({ msg }) => msg === 'at work' || msg === 'request completed').map(line => line.txn),
      [txn, txn]
    )
    t.equal(spans.getFinishedSpans().at(-1)?.attributes['sallyport.txn'], txn)
    txns.push(txn)
  }
  t.not(txns[0], txns[1])
})
