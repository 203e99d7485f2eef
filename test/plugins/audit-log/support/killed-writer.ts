// Child process of kill.test.ts: does effects with audit rows and says when each is acknowledged, until it is killed.
import Fastify from 'fastify'
import auditLog from '@sallyport/audit-log'
import { connect } from '../../../support/database.ts'

const [, , url = '', pauseAt = ''] = process.argv
const db = connect(url)
const app = Fastify()
app.decorateRequest('principal', null)
await app.register(auditLog, { db, process: 'killed', sealer: { intervalMs: 1 } })

/** Tells the parent that this point is reached, and stands still there to be killed. */
async function point(name: string, id: number): Promise<void> {
  if (name !== pauseAt || id !== 20) return
  process.send?.({ reached: name })
  await new Promise(() => {
    setInterval(() => {}, 1000)
  })
}

app.post<{ Params: { id: string } }>(
  '/things/:id',
  { config: { audit: { action: 'thing.create', resource: { type: 'thing', parameter: 'id' } } } },
  async request => {
    const id = Number(request.params.id)
    await point('before-transaction', id)
    await db.transaction(async trx => {
      await trx('thing').insert({ id })
      await point('between-effect-and-row', id)
      await request.audit(trx, { action: 'thing.create', outcome: 'success' })
      await point('before-commit', id)
    })
    await point('after-commit', id)
    return {}
  }
)

for (let id = 1; ; id++) {
  const { statusCode } = await app.inject({ method: 'POST', url: `/things/${id}` })
  if (statusCode === 200) process.send?.({ acknowledged: id })
}
