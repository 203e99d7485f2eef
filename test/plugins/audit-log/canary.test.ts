// Plants a secret and personal values in all that reaches a record, and looks for them wherever something leaves.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import auditLog, {
  erasePerson,
  fileAnchor,
  readAudit,
  readPersonal,
  runAuditCommand,
  type AuditLogOptions
} from '@sallyport/audit-log'
import metrics from '@sallyport/metrics'
import securityContext, { recordSecurityEvent, type AuditEvent } from '@sallyport/security-context'
import { instanceOptions, nameTransaction, startTracing } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { exportTrail } from '../../../plugins/audit-log/src/export-trail.ts'
import { otlpLogs } from '../../../plugins/audit-log/src/push/otlp-logs.ts'
import { syslogMessage } from '../../../plugins/audit-log/src/push/syslog-message.ts'
import { connect } from '../../support/database.ts'
import { auditDatabase } from './support/audited-app.ts'
import { keptReceiver } from './support/kept-receiver.ts'
import { securityContextOf } from './support/principal.ts'
import { PRIVACY } from './support/privacy-keys.ts'
import { SPILL_KEY, spillFolder } from './support/spill-folder.ts'

/** What is planted, by what it is. None of it may be read anywhere outside. */
const PLANTED = {
  secret: 'canary-secret-4711',
  name: 'canary-name-ada',
  nameOfNobody: 'canary-typed-password',
  address: '2001:db8:ca:4711::1',
  peer: '198.51.100.147',
  agent: 'canary-agent/7',
  email: 'canary@example.com',
  declared: 'canary-iban',
  joined: 'canary-voucher'
}
/** What the log has of the two addresses. */
const NETWORK = '2001:db8:ca::/48'
const READ_WITH_RIGHT = ['name', 'address', 'peer', 'agent', 'email', 'declared'] as const
const TABLES = ['events', 'seals', 'prunings', 'checkpoints', 'person_keys', 'lookups', 'erasures']

const detail = {
  password: PLANTED.secret,
  header: `Bearer ${PLANTED.secret}`,
  nested: [{ email: PLANTED.email, iban: PLANTED.declared, clientSecret: PLANTED.secret }],
  voucher: PLANTED.joined
}
const EVENT = {
  action: 'thing.change',
  outcome: 'success',
  nameTried: PLANTED.name,
  detail
} as const satisfies AuditEvent

interface Sinks {
  readonly app: FastifyInstance
  readonly log: () => string
  readonly traces: () => string
}

async function plantedApp(t: Test, db: Knex, options: Partial<AuditLogOptions>): Promise<Sinks> {
  const lines: string[] = []
  const exporter = new InMemorySpanExporter()
  const tracing = startTracing({ serviceName: 'canary', spanProcessors: [new SimpleSpanProcessor(exporter)] })
  // As a process of the project is made: with an access log, and a proxy in front that it believes.
  const instance = instanceOptions({
    name: 'canary',
    settings: { logLevel: 'trace', trustedProxies: [PLANTED.peer] },
    tracing,
    requestIds: 'own'
  })
  const logger = { ...Object(instance.logger), stream: { write: (line: string) => lines.push(line) } }
  const app = Fastify({ ...instance, logger })
  t.after(async () => {
    await app.close()
    await tracing.close()
  })
  await app.register(tracing.plugin)
  await app.register(securityContext, { traceId: tracing.traceId })
  await app.register(nameTransaction)
  app.addHook('onRequest', async request => {
    request.principal = request.headers['x-test-subject'] === undefined ? null : securityContextOf('user-1')
  })
  await app.register(auditLog, {
    db,
    process: 'canary',
    sealer: { intervalMs: 3_600_000 },
    route: { path: '/audit', access: 'authenticated', personalAccess: 'authenticated' },
    privacy: { ...PRIVACY, fields: { iban: 'personal', voucher: 'joinable' } },
    ...options
  })
  await app.register(metrics, { exposeOn: app, process: 'canary' })
  const audit = { action: 'thing.change' } as const
  app.post('/done', { config: { access: 'public', audit } }, async request => {
    await request.audit(db, { ...EVENT, subject: 'user-1' })
    return {}
  })
  app.get('/headers', { config: { access: 'public', audit: 'none' } }, async request => {
    request.log.info({ req: request, headers: request.headers }, 'canary')
    return {}
  })
  app.get('/read', { config: { access: 'public', audit } }, async () => ({}))
  app.post('/login', { config: { access: 'public', audit } }, async (request, reply) => {
    const denied = { stage: 'session', outcome: 'denied', reason: 'login-rejected' } as const
    recordSecurityEvent(request, { ...denied, nameTried: PLANTED.nameOfNobody })
    recordSecurityEvent(request, { ...denied, subject: 'user-1', nameTried: PLANTED.name })
    return reply.code(401).send({})
  })
  await app.ready()
  const traces = (): string =>
    JSON.stringify(exporter.getFinishedSpans().map(({ name, attributes, events }) => [name, attributes, events]))
  return { app, log: () => lines.join(''), traces }
}

async function callEverything(app: FastifyInstance): Promise<void> {
  const headers = {
    'user-agent': PLANTED.agent,
    'x-forwarded-for': PLANTED.address,
    authorization: `Bearer ${PLANTED.secret}`,
    cookie: `session=${PLANTED.secret}`
  }
  const known = { ...headers, 'x-test-subject': 'user-1' }
  for (const call of [
    { method: 'POST', url: '/done', headers: known },
    { method: 'GET', url: `/read?access_token=${PLANTED.secret}`, headers: known },
    { method: 'POST', url: '/login', headers },
    { method: 'POST', url: '/login', headers },
    { method: 'GET', url: `/nowhere?password=${PLANTED.secret}`, headers },
    { method: 'GET', url: `/audit/personal?name=${PLANTED.name}&sourceAddress=${PLANTED.address}`, headers: known },
    { method: 'GET', url: '/headers', headers: known }
  ] as const) {
    await app.inject({ ...call, remoteAddress: PLANTED.peer })
  }
  await app.auditSink.write({ ...EVENT, subject: 'user-1' }).catch(() => {})
  app.log.error({ err: new Error('nothing of it'), event: { password: PLANTED.secret } }, 'canary')
}

function look(t: Test, where: string, text: string): void {
  t.ok(text.length > 0, `${where} has something in it`)
  for (const [what, value] of Object.entries(PLANTED)) t.notOk(text.includes(value), `${where}: no ${what}`)
}

t.test('A6: what is secret or personal leaves nowhere in clear, and is gone for good with its person', async t => {
  const { app: db, appUrl, pruner, superuser } = await auditDatabase(t)
  const folder = spillFolder(t)
  const keys = [randomBytes(32)]
  const checkpoints = {
    origin: 'canary',
    keys,
    anchors: [fileAnchor(join(folder, 'anchor'))],
    intervalMs: 1,
    verifier: false
  } as const
  const receiver = keptReceiver()
  const push = { receiver, intervalMs: 1 }
  const { app, log, traces } = await plantedApp(t, db, { checkpoints, push })
  await callEverything(app)

  const kept = join(folder, 'spill')
  const gone = connect(appUrl.replace(/:\d+\//, ':1/'))
  t.after(async () => {
    await gone.destroy()
  })
  const outage = { changes: 'spill', refusals: 'spill', reads: 'spill', folder: kept, keys: [SPILL_KEY] } as const
  const away = await plantedApp(t, gone, { outage, writeTimeoutMs: 200 })
  await callEverything(away.app)
  t.ok(away.app.auditHealth.outage().spillWaiting > 0)
  for (const name of ['rows.spill', 'rows.tally']) look(t, `kept ${name}`, readFileSync(join(kept, name), 'latin1'))
  look(t, 'the log of the outage', away.log())

  await app.sealAudit()
  while (app.auditHealth.checkpoints()?.size === 0) await new Promise(setImmediate)
  const exported: string[] = []
  for await (const line of exportTrail(db)) exported.push(JSON.stringify(line))
  look(t, 'the export', exported.join('\n'))
  look(t, 'the metrics', (await app.inject('/metrics')).body)
  look(t, 'the log', log())
  t.match(log(), NETWORK, 'the log has the network')
  const sealed = (await readAudit(db, { order: 'newest', limit: 1 })).events[0]?.sequence ?? Infinity
  while ((receiver.rows.at(-1)?.sequence ?? 0) < sealed) await new Promise(setImmediate)
  look(t, 'what is pushed', JSON.stringify(receiver.rows))
  look(t, 'what OTLP has', otlpLogs(receiver.rows, {}))
  const form = { hostname: 'canary', enterpriseId: '32473', maxBytes: 8192 }
  look(t, 'syslog', receiver.rows.map(row => syslogMessage(row, form).toString()).join('\n'))
  look(t, 'the traces', traces())
  const shown: string[] = []
  for (const command of ['search', 'verify']) {
    const environment = { DATABASE_URL: appUrl }
    const out = (text: string) => shown.push(text)
    await runAuditCommand({ args: [command, '--json'], environment, call: 'audit', out, error: out })
  }
  look(t, 'commands', shown.join(''))

  const { events } = await readAudit(db, { order: 'oldest', limit: 500 })
  const readable = JSON.stringify(await readPersonal(db, events, PRIVACY))
  for (const what of READ_WITH_RIGHT) t.ok(readable.includes(PLANTED[what]), `${what} is read by those who may`)
  for (const what of ['secret', 'nameOfNobody', 'joined'] as const) t.notOk(readable.includes(PLANTED[what]), what)

  const file = join(folder, 'erasures')
  await erasePerson(pruner, { ...PRIVACY, subject: 'user-1', ground: 'asked', operator: 'test', file })
  look(t, 'the list of erasures', readFileSync(file, 'utf8'))
  look(t, 'the anchor', readFileSync(join(folder, 'anchor'), 'utf8'))
  for (const table of TABLES) look(t, table, JSON.stringify(await superuser(`audit_${table}`)) + table)
  const left = await readPersonal(
    db,
    events.filter(({ subject }) => subject === 'user-1'),
    PRIVACY
  )
  t.ok(left.length >= 4)
  t.same(
    left.filter(({ personal, sealed }) => personal !== null && sealed !== null),
    [],
    'nothing of the person is read'
  )
  t.same(
    await db('audit_lookups').whereIn(
      'tag',
      left.flatMap(({ sourceTag, nameTag }) => [sourceTag, nameTag].filter(tag => tag !== null))
    ),
    []
  )
})
