// One search over several trails.
import { searchTrails, type TrailSource } from '@sallyport/audit-log'
import t from 'tap'
import type { AuditQuery, SealedRecord } from '@sallyport/audit-log'
import { sampleRecord } from '../../support/sample-record.ts'

const NEWEST = { order: 'newest', limit: 3 } as const satisfies AuditQuery
const LIMIT_MS = 5000

/** A trail with a row at each of these seconds, sealed in this order. */
function trailOf(name: string, seconds: readonly number[]): TrailSource & { readonly asked: AuditQuery[] } {
  const rows = seconds.map((second, index): SealedRecord => ({
    ...sampleRecord(`${name}-${second}`),
    occurredAt: `2026-11-26T10:00:${String(second).padStart(2, '0')}.000000Z`,
    sequence: index + 1,
    chainHash: ''
  }))
  const asked: AuditQuery[] = []
  return {
    name,
    asked,
    read: async query => {
      asked.push(query)
      const { order, after, limit } = query
      const left = (order === 'newest' ? rows.toReversed() : rows).filter(
        ({ sequence }) => after === undefined || (order === 'newest' ? sequence < after : sequence > after)
      )
      const events = left.slice(0, limit)
      return { events, next: left.length > limit ? (events.at(-1)?.sequence ?? null) : null }
    }
  }
}

const awayTrail = (name: string): TrailSource => ({
  name,
  read: async () => await Promise.reject(Object.assign(new Error('secret detail'), { code: 'ECONNREFUSED' }))
})

/** Everything, page after page. */
async function allPages(sources: readonly TrailSource[], query: AuditQuery): Promise<string[][]> {
  const pages: string[][] = []
  let after: string | undefined
  do {
    const { events, next } = await searchTrails(sources, query, after, LIMIT_MS)
    pages.push(events.map(({ action }) => action))
    after = next ?? undefined
  } while (after !== undefined)
  return pages
}

t.test('rows of all trails come in the order of time, each once, page after page', async t => {
  const sources = () => [trailOf('a', [1, 4, 7]), trailOf('b', [2, 3, 8, 9]), trailOf('c', [])]
  t.same(await allPages(sources(), NEWEST), [['b-9', 'b-8', 'a-7'], ['a-4', 'b-3', 'b-2'], ['a-1']])
  t.same(await allPages(sources(), { order: 'oldest', limit: 4 }), [
    ['a-1', 'b-2', 'b-3', 'a-4'],
    ['a-7', 'b-8', 'b-9']
  ])
  t.same(await allPages([trailOf('c', [])], NEWEST), [[]])
})

t.test('a row that was sealed out of its time is neither left out nor shown twice', async t => {
  const pages = await allPages([trailOf('a', [1, 9, 2, 3]), trailOf('b', [4, 5])], NEWEST)
  t.same(pages.flat().toSorted(), ['a-1', 'a-2', 'a-3', 'a-9', 'b-4', 'b-5'])
})

t.test('a trail that is done is not asked again, and each is asked with the same filters', async t => {
  const [short, long] = [trailOf('short', [9]), trailOf('long', [1, 2, 3, 4, 5, 6])]
  await allPages([short, long], { ...NEWEST, action: 'x' })
  t.equal(short.asked.length, 1)
  t.equal(long.asked.length, 3)
  t.match([...short.asked, ...long.asked], Array(4).fill({ action: 'x', order: 'newest', limit: 3 }))
})

t.test('a trail that does not answer is named, by its code and no more, and goes on where it was', async t => {
  const b = trailOf('b', [2, 3, 8, 9])
  const first = await searchTrails([awayTrail('a'), b], NEWEST, undefined, LIMIT_MS)
  t.same(first.missing, [{ trail: 'a', reason: 'ECONNREFUSED' }])
  t.same(
    first.events.map(({ trail, action }) => [trail, action]),
    [
      ['b', 'b-9'],
      ['b', 'b-8'],
      ['b', 'b-3']
    ]
  )
  const second = await searchTrails([trailOf('a', [1, 7]), b], NEWEST, first.next ?? '', LIMIT_MS)
  t.same(second.missing, [])
  t.same(
    second.events.map(({ action }) => action),
    ['a-7', 'b-2', 'a-1']
  )
  t.equal(second.next, null)
  const alone = await searchTrails([awayTrail('a')], NEWEST, undefined, LIMIT_MS)
  t.match(alone, { events: [], next: null, missing: [{ trail: 'a' }] })
})

t.test('a trail that is slow is missing, and holds nobody up', async t => {
  const slow: TrailSource = { name: 'slow', read: () => new Promise(() => {}) }
  const page = await searchTrails([slow, trailOf('b', [1])], NEWEST, undefined, 20)
  t.match(page, { events: [{ action: 'b-1' }], missing: [{ trail: 'slow' }] })
})

t.test('a trail that names another one in its rows speaks for itself alone', async t => {
  const b = trailOf('b', [1, 2])
  const forged: TrailSource = {
    name: 'a',
    read: async () => ({
      events: [
        { ...(await b.read(NEWEST)).events[0], sequence: 1, action: 'forged', trail: 'b' } as unknown as SealedRecord
      ],
      next: 1
    })
  }
  const first = await searchTrails([forged, b], { ...NEWEST, limit: 1 }, undefined, LIMIT_MS)
  t.match(first.events, [{ trail: 'a', action: 'forged' }])
  const second = await searchTrails([awayTrail('a'), b], NEWEST, first.next ?? '', LIMIT_MS)
  t.same(
    second.events.map(({ action }) => action),
    ['b-2', 'b-1'],
    'nor does it say where the other one goes on'
  )
})

for (const cursor of [
  'x',
  '',
  'e30x',
  Buffer.from('[1]').toString('base64url'),
  Buffer.from('{"a":"b"}').toString('base64url'),
  Buffer.from('{"a":-1}').toString('base64url'),
  Buffer.from('null').toString('base64url')
]) {
  t.test(`the cursor ${JSON.stringify(cursor)} is refused`, async t => {
    await t.rejects(searchTrails([trailOf('a', [1])], NEWEST, cursor, LIMIT_MS), {
      code: 'SALLYPORT_AUDIT_QUERY_INVALID',
      message: /: after$/
    })
  })
}
