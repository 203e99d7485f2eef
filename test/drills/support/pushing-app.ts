// Child process of pushed-trail.drill.ts: writes rows and pushes them by the settings of a process, until it is killed.
import auditLog, { auditTrailOptions, type TrailReceiver } from '@sallyport/audit-log'
import Fastify from 'fastify'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'
import { connect } from '../../support/database.ts'

const [, , databaseUrl = '', auditPushUrl = '', auditPushCaPath = '', name = '', point = ''] = process.argv
const settings = {
  ...AUDIT_TRAIL_SETTINGS,
  ...{ auditPushUrl, auditPushCaPath, auditPushIntervalMs: 100, auditPushBatchRows: 50, auditPushTimeoutMs: 2000 }
}
const { push } = auditTrailOptions(settings, name)
if (push === false) throw new Error('nothing is pushed')
const { receiver } = push
let batches = 0

/** Stands still once the receiver has the third batch, and the database does not know it yet, to be killed there. */
const watched: TrailReceiver = {
  name: receiver.name,
  send: async (rows, signal) => {
    const sent = await receiver.send(rows, signal)
    if (point === 'sent' && ++batches === 3) {
      process.send?.({ reached: 'sent' })
      await new Promise(() => {
        setInterval(() => {}, 1000)
      })
    }
    return sent
  }
}

const app = Fastify()
app.decorateRequest('principal', null)
await app.register(auditLog, {
  db: connect(databaseUrl),
  process: name,
  sealer: { intervalMs: 50 },
  // So that a dead process is followed at once: its lease is as long as this and the time of the receiver.
  writeTimeoutMs: 500,
  push: { ...push, receiver: watched, maxPauseMs: 500 }
})
await app.ready()

const stopping = new AbortController()
process.on('message', () => {
  stopping.abort()
})
for (let number = 1; !stopping.signal.aborted; number++) {
  const detail = { number, text: 'line\r\n17 <13>1 - - - - - - forged' }
  await app.auditSink.write({ action: 'thing.change', outcome: 'success', subject: name, detail }).catch(() => {})
  if (number % 10 === 0) await new Promise(resolve => setTimeout(resolve, 20))
}
process.send?.({ reached: 'end' })
