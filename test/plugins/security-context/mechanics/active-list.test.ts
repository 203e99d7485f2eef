import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type ActiveEntry, ActiveList } from '@sallyport/security-context/mechanics'
import t from 'tap'

interface Entry extends ActiveEntry {
  readonly name: string
}

const entry = (name: string): Entry => ({ name, place: -1 })

t.test('entries come and go in any order, once each', async t => {
  const [first, second, third] = [entry('first'), entry('second'), entry('third')]
  const list = new ActiveList<Entry>()
  for (const each of [first, second, third, second]) list.add(each)
  t.equal(list.size, 3)
  t.equal(list.delete(first), true)
  t.equal(list.delete(first), false)
  t.strictSame(list.all(), [third, second])
  const seen: string[] = []
  for (const each of list.all()) {
    seen.push(each.name)
    list.delete(second)
    list.delete(third)
  }
  t.strictSame(seen, ['third', 'second'], 'those of the moment when somebody began to look')
  list.add(first)
  t.strictSame(list.all(), [first])
  t.strictSame(
    [first, second, third].map(({ place }) => place),
    [0, -1, -1]
  )
})

t.test('an entry that has left is garbage of the young generation', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const list = new ActiveList<Entry & { readonly kept: readonly number[] }>()
  const ENTRIES = 2000
  const ENTRY_BYTES = 8192
  collect()
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < ENTRIES; at++) {
    const next = { ...entry(String(at)), kept: new Array<number>(ENTRY_BYTES / 8).fill(at) }
    list.add(next)
    for (const other of list.all()) if (other !== next) list.delete(other)
    // What is here now comes to the old generation.
    if (at % 100 === 0) for (let times = 0; times < 2; times++) collect({ type: 'minor' })
  }
  collect({ type: 'minor' })
  t.ok(process.memoryUsage().heapUsed - before < (ENTRIES * ENTRY_BYTES) / 4)
})
