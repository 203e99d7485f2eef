import createError from '@fastify/error'
import Fastify from 'fastify'
import t from 'tap'
import { errors, isStorageOutage, problemDetails, storageOutage } from '@sallyport/security-context'
import { errorsTableEquals } from '../../support/errors-table.ts'

const failed = (message: string, members: object = {}): Error => Object.assign(new Error(message), members)
const answered = (code: string): Error => failed(`select 1 - ${code}`, { code, severity: 'ERROR' })
const socket = (code: string, syscall = 'connect'): Error =>
  failed(`${syscall} ${code} 127.0.0.1:5432`, { code, syscall })

/** What a database without an answer looks like to its user. */
const OUTAGES: Readonly<Record<string, Error>> = {
  'nobody listens': socket('ECONNREFUSED'),
  'nobody listens on any address of the name': new AggregateError([socket('ECONNREFUSED'), socket('ECONNREFUSED')]),
  'the connection was reset': socket('ECONNRESET', 'read'),
  'the connection was closed under a write': socket('EPIPE', 'write'),
  'no answer to connecting': socket('ETIMEDOUT'),
  'no way to the host': socket('EHOSTUNREACH'),
  'no such name': socket('ENOTFOUND', 'getaddrinfo'),
  'no socket file': socket('ENOENT'),
  'no port left to connect from': socket('EADDRNOTAVAIL'),
  'no descriptor left to connect with': socket('EMFILE'),
  'the network is down under a connection': socket('ENETDOWN', 'read'),
  'its certificate is past its end': failed('certificate has expired', { code: 'CERT_HAS_EXPIRED' }),
  'its certificate is of another name': failed('Hostname mismatch', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
  'it speaks no TLS': failed('The server does not support SSL connections'),
  'the pool is full': Object.assign(new Error('Knex: Timeout acquiring a connection. The pool is probably full.'), {
    name: 'KnexTimeoutError'
  }),
  'the pool is closed': failed('Unable to acquire a connection'),
  'the connection was lost in a query': failed('select 1 - Connection terminated unexpectedly'),
  'the connection was lost before the query': failed(
    'BEGIN; - Client has encountered a connection error and is not queryable'
  ),
  'connecting took too long': failed('timeout expired'),
  'the disk is full (53100)': answered('53100'),
  'out of memory (53200)': answered('53200'),
  'too many connections (53300)': answered('53300'),
  'shut down by an administrator (57P01)': answered('57P01'),
  'crashed (57P02)': answered('57P02'),
  'starting up (57P03)': answered('57P03'),
  'statement timeout (57014)': answered('57014'),
  'lock timeout (55P03)': answered('55P03'),
  'a standby (25006)': answered('25006'),
  'a deadlock (40P01)': answered('40P01'),
  'connection failure (08006)': answered('08006'),
  'input or output failed (58030)': answered('58030'),
  'a broken page (XX001)': answered('XX001')
}
/** What is somebody's mistake, and stays so when it is repeated. */
const OTHERS: Readonly<Record<string, unknown>> = {
  'a value that is not right (22P02)': answered('22P02'),
  'a constraint (23505)': answered('23505'),
  'a mistake in SQL (42601)': answered('42601'),
  'no right to a table (42501)': answered('42501'),
  'raised by a function (P0001)': answered('P0001'),
  'a transaction that failed before (25P02)': answered('25P02'),
  'a file that is missing': socket('ENOENT', 'open'),
  'an error that has a status': Object.assign(socket('ECONNREFUSED'), { statusCode: 502 }),
  'an error of ours about another connection': Object.assign(
    new (createError('SALLYPORT_TOKEN_UPSTREAM_FAILED', 'x', 502))(),
    { cause: socket('ECONNREFUSED') }
  ),
  'a bug': new TypeError('x is not a function'),
  'no error at all': { code: 'ECONNREFUSED' }
}

t.test('a database without an answer is 503 with Retry-After, whoever says so', async t => {
  const app = Fastify()
  await app.register(problemDetails)
  app.get<{ Params: { what: string } }>('/:what', async request => {
    throw OUTAGES[request.params.what]
  })
  for (const [what, error] of Object.entries(OUTAGES)) {
    t.equal(storageOutage(error)?.cause, error, what)
    const answer = await app.inject(`/${encodeURIComponent(what)}`)
    t.equal(answer.headers['retry-after'], '5', what)
    const { requestId, ...problem } = answer.json<{ requestId: string }>()
    t.match(requestId, /^req-/, what)
    t.strictSame(
      problem,
      { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'SALLYPORT_STORAGE_UNAVAILABLE' },
      what
    )
  }
})

t.test('what a statement says about itself is no outage', async t => {
  for (const [what, error] of Object.entries(OTHERS)) {
    t.notOk(isStorageOutage(error), what)
    t.equal(storageOutage(error), null, what)
  }
})

t.test('the README has every error', async t => {
  errorsTableEquals(t, 'plugins/security-context/README.md', errors)
})
