// However requests interleave, a key has one effect, and all that is acknowledged under it is one answer.
import fc from 'fast-check'
import t from 'tap'
import { pay, paymentsApp, paymentsDatabase, pool } from './support/payments.ts'

interface Sent {
  readonly key: string
  readonly subject: string
  readonly cents: number
}

const sent: fc.Arbitrary<Sent> = fc.record({
  key: fc.constantFrom('k1', 'k2'),
  subject: fc.constantFrom('alice', 'bob'),
  cents: fc.constantFrom(1, 2)
})

t.test('any interleaving of requests, repetitions and failures has at most one effect per key and subject', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const db = pool(t, url, 12)
  let step: (name: string) => Promise<void> = async () => {}
  let fails: () => boolean = () => false
  const app = await paymentsApp(t, db, {
    beforeClaim: () => step('claim'),
    beforeCommit: async () => {
      await step('commit')
      if (fails()) throw new Error('fails before its commit')
    }
  })
  let replays = 0
  let conflicts = 0
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(sent, { minLength: 2, maxLength: 10 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 4 }).map(number => number === 0)),
      async (scheduler, requests, failures) => {
        await owner('payments').delete()
        await owner('idempotency_records').delete()
        step = name => scheduler.schedule(Promise.resolve(), name)
        fails = () => failures.next().value === true
        const send = async ({ key, subject, cents }: Sent) => {
          await scheduler.schedule(Promise.resolve(), 'send')
          return { key, subject, cents, answer: await pay(app, key, { subject, payload: { cents } }) }
        }
        const first = await scheduler.waitFor(Promise.all(requests.map(send)))
        fails = () => false
        // Then everybody tries again, one after the other.
        const again = []
        for (const request of requests) again.push(await scheduler.waitFor(send(request)))
        if (!again.every(({ answer }) => [201, 422].includes(answer.statusCode))) return false
        const acknowledged = new Map<string, string>()
        for (const { key, subject, cents, answer } of [...first, ...again]) {
          if (answer.statusCode === 409) conflicts++
          if (answer.headers['idempotent-replayed'] === 'true') replays++
          if (![201, 409, 422, 500].includes(answer.statusCode)) return false
          if (answer.statusCode !== 201) continue
          const known = acknowledged.get(`${subject} ${key}`)
          if (answer.json().cents !== cents || (known !== undefined && known !== answer.body)) return false
          acknowledged.set(`${subject} ${key}`, answer.body)
        }
        return (await owner('payments')).length === acknowledged.size
      }
    ),
    { numRuns: 40 }
  )
  t.ok(replays > 0, `${replays} replays`)
  t.ok(conflicts > 0, `${conflicts} conflicts`)
})
