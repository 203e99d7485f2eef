import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openSpill } from '../../../plugins/audit-log/src/outage/spill.ts'
import { spillFolder } from './support/spill-folder.ts'

type Message =
  { readonly acknowledged: number } | { readonly written: readonly string[] } | { readonly reached: string }

/** Steps of keeping rows and of taking them out, and at which of its calls each is cut off. */
const STEPS = [
  ['write', 7],
  ['half-write', 7],
  ['datasync', 7],
  ['tally', 7],
  ['tally-sync', 7],
  // The eleventh is that of emptying the file.
  ['tally', 11],
  ['tally-sync', 11],
  ['truncate', 1]
] as const

t.test(
  'A2: a folder of another process is refused; after kill -9 in any step every acknowledged row is in the trail or still kept, and no gap is made up',
  async t => {
    await Promise.all(
      STEPS.map(async ([step, place]) => {
        const folder = spillFolder(t)
        const key = randomBytes(32)
        const child = fork(
          fileURLToPath(new URL('support/killed-spiller.ts', import.meta.url)),
          [folder, key.toString('base64url'), step, String(place)],
          { execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'], silent: true }
        )
        const options = { folder, keys: [{ id: 'k1', key }], maxBytes: 1 << 20, clock: Date.now, onDamage: () => {} }
        const acknowledged: string[] = []
        const written = new Set<string>()
        const ended = once(child, 'exit')
        const refusedThenKilled = async (): Promise<void> => {
          await t.rejects(openSpill(options), { code: 'SALLYPORT_AUDIT_SPILL_HELD' }, `${step}: while it lives`)
          child.kill('SIGKILL')
        }
        child.on('message', (message: Message) => {
          if ('acknowledged' in message) acknowledged.push(`row ${message.acknowledged}`)
          if ('written' in message) for (const action of message.written) written.add(action)
          if ('reached' in message) void refusedThenKilled()
        })
        const [, signal] = (await ended) as [number | null, NodeJS.Signals | null]
        t.equal(signal, 'SIGKILL', `${step} ${place}: it was killed where it should be`)

        const spill = await openSpill(options)
        const rows = await spill.next()
        const kept = new Set(rows?.records.map(({ action }) => action))
        t.same(
          acknowledged.filter(action => !written.has(action) && !kept.has(action)),
          [],
          `${step} ${place}: ${acknowledged.length} acknowledged, ${written.size} written, ${kept.size} kept`
        )
        t.ok(acknowledged.length >= 6)
        t.same(spill.closeGaps(), [], `${step} ${place}: nothing is said to be missing`)
        await spill.close()
      })
    )
  }
)
