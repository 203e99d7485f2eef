// The trail of two processes is pushed to receivers that stop, die, are slow and come back, while the processes are
// killed too: every row arrives, in order, and what arrives twice is the same by its id.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase } from '../support/trail-database.ts'
import { makeAuthority } from '../support/certificates.ts'
import { startLogCollector } from '../support/log-collector.ts'
import { startSyslogServer } from '../support/syslog-server.ts'
import { waitFor } from './support/wait-for.ts'

/** What arrived of a row. */
interface Arrived {
  readonly id: string
  readonly sequence: number
}

/** A receiver that can be stopped and started, and be slow. */
interface DrilledReceiver {
  readonly url: string
  readonly arrived: () => readonly Arrived[]
  /** It ends its connections as a dying process does, and listens no more. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  /** It takes what comes, and answers nothing. */
  readonly stall: (stalls: boolean) => void
}

const authority = await makeAuthority({ name: 'SIEM CA' })
const issued = await authority.issue({ names: ['localhost', '127.0.0.1'] })
const tls = { cert: issued.certificate, key: issued.privateKey }

/** Node would answer the end of TLS for who does not read on, and so say that everything was read. */
function leaveUnread(socket: TLSSocket): void {
  socket.allowHalfOpen = true
  socket.pause()
}

async function drilledSyslog(t: Test): Promise<DrilledReceiver> {
  let server = await startSyslogServer(tls)
  const { port } = server
  const before: Arrived[] = []
  const arrivedNow = (): Arrived[] =>
    server.messages.map(({ parameters }) => ({ id: parameters.id ?? '', sequence: Number(parameters.sequence) }))
  t.after(() => server.close())
  return {
    url: `syslog+tls://localhost:${port}`,
    arrived: () => [...before, ...arrivedNow()],
    stop: () => server.close(),
    start: async () => {
      before.push(...arrivedNow())
      server = await startSyslogServer(tls, port)
    },
    stall: stalls => {
      server.onData = stalls ? leaveUnread : null
    }
  }
}

async function drilledCollector(t: Test): Promise<DrilledReceiver> {
  let collector = await startLogCollector(tls)
  const { origin } = collector
  const before: Arrived[] = []
  const arrivedNow = (): Arrived[] =>
    collector.logs.map(({ attributes }) => ({
      id: String(attributes['log.record.uid']),
      sequence: Number(attributes['sallyport.audit.sequence'])
    }))
  t.after(() => collector.close())
  return {
    url: `${origin}/v1/logs`,
    arrived: () => [...before, ...arrivedNow()],
    stop: () => collector.close(),
    start: async () => {
      before.push(...arrivedNow())
      collector = await startLogCollector(tls, Number(new URL(origin).port))
    },
    stall: stalls => {
      collector.answer = stalls ? () => {} : null
    }
  }
}

interface PushingProcess {
  readonly child: ChildProcess
  readonly reached: Promise<unknown>
  readonly kill: () => Promise<void>
  /** It writes no more, and goes on pushing. */
  readonly quiet: () => Promise<void>
}

function startPushing(t: Test, args: readonly string[]): PushingProcess {
  const child = fork(fileURLToPath(new URL('support/pushing-app.ts', import.meta.url)), args, {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning']
  })
  const ended = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  return {
    child,
    reached: once(child, 'message'),
    kill,
    quiet: async () => {
      const said = once(child, 'message')
      child.send('stop')
      await said
    }
  }
}

const sealedRows = async (db: Knex): Promise<Arrived[]> =>
  (await db('audit_seals').orderBy('sequence')).map(row => ({ id: row.event_id, sequence: Number(row.sequence) }))

for (const [name, open] of [
  ['syslog', drilledSyslog],
  ['OTLP', drilledCollector]
] as const) {
  t.test(`every row arrives by ${name}, whoever stops, dies or is slow in between`, async t => {
    const { app: db, appUrl } = await auditDatabase(t)
    const receiver = await open(t)
    const caPath = join(t.testdir({ 'ca.pem': authority.certificate }), 'ca.pem')
    const argsOf = (process: string, point = ''): string[] => [appUrl, receiver.url, caPath, process, point]
    const arrivedAfter = async (rows: number, what: string): Promise<void> => {
      const from = receiver.arrived().length
      await waitFor(what, async () => receiver.arrived().length >= from + rows, 60_000)
    }

    const sending = startPushing(t, argsOf('one', 'sent'))
    await sending.reached
    await sending.kill()
    const repeated = receiver.arrived().length
    let one = startPushing(t, argsOf('one'))
    const two = startPushing(t, argsOf('two'))
    await arrivedAfter(500, 'rows after a process was killed between sending and noting')
    t.ok(new Set(receiver.arrived().map(({ id }) => id)).size < receiver.arrived().length, `${repeated} came before`)

    await receiver.stop()
    await waitFor('rows that wait', async () => (await sealedRows(db)).length > receiver.arrived().length + 200, 60_000)
    await receiver.start()
    await arrivedAfter(500, 'rows after the receiver came back')

    for (let round = 0; round < 3; round++) {
      await receiver.stop()
      await receiver.start()
      await arrivedAfter(50, 'rows after the receiver died in the middle')
    }

    receiver.stall(true)
    await waitFor('rows that wait', async () => (await sealedRows(db)).length > receiver.arrived().length + 500, 60_000)
    receiver.stall(false)
    await arrivedAfter(500, 'rows after the receiver was slow')

    await one.kill()
    one = startPushing(t, argsOf('one'))
    await arrivedAfter(100, 'rows after a process was killed')

    await Promise.all([one.quiet(), two.quiet()])
    await waitFor(
      'the end',
      async () => (await db('audit_pushes').first())?.through_sequence === (await endOf(db)),
      60_000
    )
    const rows = await sealedRows(db)
    const arrived = receiver.arrived()
    const firstOfEach = [...new Map(arrived.toReversed().map(each => [each.id, each])).values()].toSorted(
      (a, b) => a.sequence - b.sequence
    )
    t.same(firstOfEach, rows, `all of ${rows.length} rows, ${arrived.length - rows.length} of them more than once`)
    const seen = new Set<number>()
    const inOrder = arrived.every(({ sequence }) => {
      const isNext = seen.has(sequence) || sequence === seen.size + 1
      seen.add(sequence)
      return isNext
    })
    t.ok(inOrder, 'none came before the one before it')
    t.match(await verifyChain(db), { ok: true })
  })
}

async function endOf(db: Knex): Promise<string> {
  for (;;) {
    const [unsealed] = await db('audit_events').whereNotExists(db('audit_seals').whereRaw('event_id = id')).count()
    if (unsealed?.count === '0') break
  }
  return (await db('audit_seals').max('sequence').first())?.max
}
