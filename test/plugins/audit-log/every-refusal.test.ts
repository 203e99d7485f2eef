// Every error code of the project is run, and has to be found in the trail and in the metrics.
import auditLog from '@sallyport/audit-log'
import metrics from '@sallyport/metrics'
import securityContext, { problemDetails } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase } from './support/audited-app.ts'
import { codesOutsideErrors, everyRefusal, type Refusal } from './support/every-refusal.ts'
import { securityContextOf } from './support/principal.ts'

/** Codes that no request is answered with as such, and why. */
const WITHOUT_REQUEST: Readonly<Record<string, string>> = {
  SALLYPORT_NODE_TOO_OLD: 'the process does not start'
}

/** What an error without a code of its own is answered with; its row has the status. */
const INTERNAL = 'SALLYPORT_CONTEXT_INTERNAL'

const refusals = await everyRefusal()
const KNOWN = { 'x-test-subject': 'user-1' }

async function refusingApp(t: Test, db: Knex): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  const thrown = (code: unknown): Error => refusals.find(each => each.code === code)?.make() ?? new Error('unknown')
  await app.register(securityContext)
  await app.register(problemDetails)
  // As the stages that come before anybody knows who is calling.
  app.addHook('onRequest', async ({ headers }) => {
    if (headers['x-early'] !== undefined) throw thrown(headers['x-early'])
  })
  app.addHook('onRequest', async request => {
    request.principal = securityContextOf(request.headers['x-test-subject'])
  })
  const schedule = () => ({ stop: () => {} })
  await app.register(auditLog, { db, process: 'orders', sealer: {}, refusals: { maxKeys: 5000 }, schedule })
  await app.register(metrics, { exposeOn: app, process: 'orders', clockToleranceSeconds: 5 })
  const handler = async ({ params }: { params: unknown }): Promise<never> => {
    throw thrown((params as { code: string }).code)
  }
  app.get('/declared/:code', { config: { audit: { action: 'declared.read' } } }, handler)
  app.post('/declared/:code', { config: { audit: { action: 'declared.change' } } }, handler)
  app.get('/undeclared/:code', { config: { audit: 'none' } }, handler)
  await app.ready()
  return app
}

t.test(
  'Z08: every refusal of the project is a row or a count, whoever it is for and wherever it comes from',
  async t => {
    const { app: db } = await auditDatabase(t)
    const app = await refusingApp(t, db)
    t.ok(refusals.length > 150, `${refusals.length} codes`)
    const run = async (
      path: string,
      headers: (refusal: Refusal) => Record<string, string>,
      method: 'GET' | 'POST' = 'GET'
    ): Promise<void> => {
      const answers = await Promise.all(
        refusals.map(async each => await app.inject({ method, url: `${path}/${each.code}`, headers: headers(each) }))
      )
      for (const [index, { statusCode }] of answers.entries()) {
        if (statusCode !== refusals[index]?.status) t.fail(`${refusals[index]?.code} was answered with ${statusCode}`)
      }
    }
    await run('/declared', () => KNOWN)
    await run('/declared', () => KNOWN, 'POST')
    await run('/declared', () => ({}))
    await run('/undeclared', () => KNOWN)
    await run('/declared', ({ code }) => ({ 'x-early': code, ...KNOWN }))
    t.equal((await app.inject({ url: '/declared/unknown', headers: KNOWN })).json().code, INTERNAL)
    await app.sealAudit()
    const rows: { reason: string; action: string; subject: string | null; repeats: number }[] = await db('audit_events')
    const missing = (subject: string | null, action: string, repeats = 1): string[] =>
      refusals
        .map(({ code }) => code)
        .filter(
          code =>
            rows
              .filter(row => row.reason === code && row.subject === subject && row.action === action)
              .reduce((sum, row) => sum + row.repeats, 0) < repeats
        )
    t.equal(rows.filter(({ reason }) => reason === 'status-500').length, 1, 'and so has what nobody foresaw')
    t.same(missing('user-1', 'declared.read'), [], 'a read of a known caller that was refused has a row')
    t.same(missing('user-1', 'declared.change'), [], 'and so has a change')
    t.same(missing(null, 'declared.read', 2), [], 'strangers are counted, before and after it is known who they are')
    const counted = (await app.inject('/metrics')).payload
    const uncounted = refusals.filter(
      ({ status }) =>
        !new RegExp(
          `_count\\{(?=[^}]*http_route="/undeclared/:code")[^}]*http_response_status_code="${status}"[^}]*\\} [1-9]`
        ).test(counted)
    )
    t.same(
      uncounted.map(({ code }) => code),
      [],
      'what no route declares is counted by its status'
    )
  }
)

t.test('no code of the project is outside that table', async t => {
  const outside = [...codesOutsideErrors()]
  t.ok(outside.includes(INTERNAL) && outside.includes('SALLYPORT_OAUTH_'), 'they are found')
  t.same(
    outside.filter(
      code => code !== INTERNAL && !(code in WITHOUT_REQUEST) && !refusals.some(known => known.code.startsWith(code))
    ),
    []
  )
})
