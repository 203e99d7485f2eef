import { randomUUID } from 'node:crypto'
import authorization, { allOf, attribute, scope } from '@sallyport/authorization'
import idempotency, { idempotencyMigrations, type IdempotencyOptions } from '@sallyport/idempotency'
import securityContext, { problemDetails, type Principal } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { connect, testDatabase } from '../../../support/database.ts'

const APP_ROLE = 'test_idempotency_app'
const PASSWORD = 'for-tests-only'

/** A schedule that the test does not use. */
const never: Schedule = () => ({ stop: () => {} })

/** A database with the records and a table of payments, and the URL of the app role. */
export async function paymentsDatabase(t: Test): Promise<{ readonly owner: Knex; readonly url: string }> {
  const { db: owner, url } = await testDatabase(t, 'idempotency', async db => {
    await db.raw(`create role ?? login password '${PASSWORD}'`, [APP_ROLE])
    const { source, tableName } = idempotencyMigrations({ appRole: APP_ROLE })
    await db.migrate.latest({ migrationSource: source, tableName })
    await db.raw('create table payments (payment_id uuid primary key, subject text not null, cents int not null)')
    await db.raw('grant select, insert on payments to ??', [APP_ROLE])
  })
  const own = new URL(url)
  own.username = APP_ROLE
  own.password = PASSWORD
  return { owner, url: own.href }
}

/** Who calls, as some authentication stage would have left it. */
export interface Caller {
  readonly subject: string
  readonly clientId?: string
  readonly issuer?: string
  readonly scopes?: readonly string[]
}

/** What a payment is made with, and where the test gets in between. */
export interface PaymentSteps {
  /** Whether the policy refuses, which it decides over the resource. */
  readonly isFrozen?: () => boolean
  /** Runs in the transaction, before the key is claimed. */
  readonly beforeClaim?: () => Promise<void>
  /** Runs in the transaction, when the payment and its answer are stored. */
  readonly beforeCommit?: (trx: Knex) => Promise<void>
}

/** An app that makes payments, each with its answer in one transaction. */
export async function paymentsApp(
  t: Test,
  db: Knex,
  steps: PaymentSteps = {},
  options: Partial<IdempotencyOptions> = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  await app.register(problemDetails)
  app.addHook('onRequest', async request => {
    request.principal = principalOf(request.headers['x-test-caller'])
  })
  // Registered before authorization: the order must not matter.
  await app.register(idempotency, { db, schedule: never, ...options })
  await app.register(authorization)
  app.post<{ Body: { cents: number } }>(
    '/payments',
    {
      config: {
        access: allOf(scope('payments:write'), attribute('frozen', false)),
        resource: async () => ({ frozen: steps.isFrozen?.() ?? false }),
        idempotency: 'required'
      },
      schema: { body: { type: 'object', required: ['cents'], properties: { cents: { type: 'integer' } } } }
    },
    async function pay(request, reply) {
      const paymentId = randomUUID()
      const { cents } = request.body
      const headers = { location: `/payments/${paymentId}` }
      const body = { paymentId, ...request.body }
      await db.transaction(async trx => {
        await steps.beforeClaim?.()
        await request.idempotency.claim(trx)
        await trx('payments').insert({ payment_id: paymentId, subject: request.principal?.subject, cents })
        await request.idempotency.store(trx, { status: 201, headers, body })
        await steps.beforeCommit?.(trx)
      })
      return reply.code(201).headers(headers).send(body)
    }
  )
  return app
}

/** Asks for a payment. */
export async function pay(
  app: FastifyInstance,
  key: string | null,
  { payload = { cents: 100 }, ...caller }: { readonly payload?: object } & Partial<Caller> = {}
): Promise<LightMyRequestResponse> {
  return app.inject({
    method: 'POST',
    url: '/payments',
    headers: {
      'x-test-caller': JSON.stringify({ subject: 'alice', scopes: ['payments:write'], ...caller }),
      ...(key !== null && { 'idempotency-key': key })
    },
    payload
  })
}

/** A pool of the app role, which is destroyed before the app's database. */
export function pool(t: Test, url: string, max = 5): Knex {
  const db = connect(url, max)
  t.after(async () => {
    await db.destroy()
  })
  return db
}

function principalOf(header: string | string[] | undefined): Principal | null {
  if (typeof header !== 'string') return null
  const { subject, clientId = 'web', issuer = 'https://issuer.example', scopes = [] } = JSON.parse(header) as Caller
  return {
    issuer,
    subject,
    clientId,
    roles: [],
    scopes,
    audience: null,
    sessionId: null,
    tokenId: null,
    actor: null,
    issuedAtSeconds: null,
    expiresAtSeconds: null,
    claims: {}
  }
}
