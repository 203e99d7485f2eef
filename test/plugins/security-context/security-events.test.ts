import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import t from 'tap'
import metrics from '@sallyport/metrics'
import securityContext, {
  isSecurityEffect,
  recordSecurityEvent,
  SECURITY_STAGES,
  securityEventsOf,
  type SecurityEvent,
  type SecurityStage
} from '@sallyport/security-context'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const STAGES = Object.keys(SECURITY_STAGES) as SecurityStage[]

const sources = globSync(
  ['plugins/*/src/**/*.ts', 'auth-server/src/**/*.ts', 'reference-*/**/src/**/*.ts'].map(path => `${ROOT}${path}`)
)
  .filter(path => !path.includes('node_modules') && !path.includes('/dist/'))
  .map(path => ({ path: path.slice(ROOT.length), text: readFileSync(path, 'utf8') }))

const denied: SecurityEvent = {
  stage: 'session',
  outcome: 'denied',
  reason: 'login-rejected',
  subject: 'user-1',
  nameTried: 'hunter2'
}

/** An app that reports `event` at `/`, and the lines of its log. */
function reportingApp(event: SecurityEvent) {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'debug', stream: { write: (line: string) => lines.push(line) } } })
  app.get('/', async request => {
    recordSecurityEvent(request, event)
    return securityEventsOf(request).length
  })
  return { app, events: () => lines.map(line => JSON.parse(line)).filter(line => line.securityEvent !== undefined) }
}

t.test('a recorded event is appended to those of the request, and not written to the log', async t => {
  const { app, events } = reportingApp(denied)
  t.teardown(() => app.close())
  await app.register(securityContext)
  t.equal((await app.inject('/')).body, '1')
  t.same(events(), [])
})

t.test('without the security context a refusal is in the log, without the name that was typed', async t => {
  const { app, events } = reportingApp(denied)
  t.teardown(() => app.close())
  t.equal((await app.inject('/')).body, '0')
  const { nameTried, ...shown } = denied
  t.strictSame(
    events().map(({ level, securityEvent }) => ({ level, securityEvent })),
    [{ level: 30, securityEvent: shown }]
  )
  t.notMatch(JSON.stringify(events()), nameTried)
})

t.test('without the security context a success is in the log for those who debug', async t => {
  const { app, events } = reportingApp({ stage: 'authentication', outcome: 'success', reason: 'authenticated' })
  t.teardown(() => app.close())
  await app.inject('/')
  t.same(
    events().map(({ level }) => level),
    [20]
  )
})

t.test('every stage is reported by somebody', t => {
  for (const stage of STAGES) {
    const pattern = new RegExp(`stage\\b[^,\n]*'${stage}'`)
    t.ok(
      sources.some(({ path, text }) => !path.endsWith('security-context/src/events.ts') && pattern.test(text)),
      stage
    )
  }
  t.end()
})

t.test('events are appended in one place', t => {
  t.same(
    sources.filter(({ text }) => text.includes('securityEvents.push(')).map(({ path }) => path),
    ['plugins/security-context/src/events.ts']
  )
  t.end()
})

t.test('the README has the table of stages', t => {
  const readme = readFileSync(`${ROOT}plugins/security-context/README.md`, 'utf8')
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| (check|effect) \|$/gm)]
  t.strictSame(
    rows.map(([, stage, finds, success]) => ({ stage, finds, success })),
    STAGES.map(stage => ({ stage, ...SECURITY_STAGES[stage] }))
  )
  t.end()
})

t.test('only a success of a stage that changes something is an effect', t => {
  t.same(
    STAGES.filter(stage => isSecurityEffect({ stage, outcome: 'success' })),
    ['session', 'grant', 'revocation']
  )
  t.notOk(isSecurityEffect({ stage: 'session', outcome: 'denied' }))
  for (const stage of ['custom', 'constructor', '__proto__'] as string[] as SecurityStage[]) {
    t.notOk(isSecurityEffect({ stage, outcome: 'success' }), stage)
  }
  t.end()
})

t.test('the metric counts every stage by its name, and any other as other', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(metrics)
  app.get('/', async request => {
    for (const stage of [...STAGES, 'user-4711', 'constructor'] as SecurityStage[]) {
      recordSecurityEvent(request, { stage, outcome: 'denied', reason: 'tried' })
    }
  })
  await app.inject('/')
  const exposed = await app.metricsRegistry.metrics()
  const labels = [...exposed.matchAll(/^sallyport_security_events_total\{stage="([^"]+)".* (\d+)$/gm)]
  t.same(
    labels.map(([, stage, count]) => `${stage} ${count}`).toSorted(),
    [...STAGES.map(stage => `${stage} 1`), 'other 2'].toSorted()
  )
})
