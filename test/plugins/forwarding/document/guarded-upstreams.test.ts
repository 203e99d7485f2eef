import t from 'tap'
import { mistakesIn, readText } from './support/read.ts'

/** A document with one upstream, whose members these lines are. */
function withUpstream(lines: string): string {
  return `upstreams:\n  orders:\n${lines.replaceAll(/^/gm, '    ')}\nroutes: []\n`
}

const TWO = 'targets: [{ origin: https://a }, { origin: https://b }]'

t.test('an upstream says where its targets are and what guards them', async t => {
  const { table, mistakes } = readText(
    withUpstream(`targets:
  - { origin: https://orders-1, weight: 9 }
  - { origin: https://orders-2, name: canary }
ejection: { serverErrors: 5 }
healthCheck: { path: /health/ready, port: 9443 }
retries: {}
breaker: { probes: 3 }
bulkhead: { maxPending: 100 }`)
  )
  t.same(mistakes, [])
  t.same(table?.upstreams['orders'], {
    targets: [
      { origin: 'https://orders-1', weight: 9 },
      { origin: 'https://orders-2', name: 'canary' }
    ],
    ejection: { serverErrors: 5 },
    healthCheck: { path: '/health/ready', port: 9443 },
    retries: {},
    breaker: { probes: 3 },
    bulkhead: { maxPending: 100 }
  })
})

t.test('what does not fit together is a mistake with its place', async t => {
  for (const [lines, message] of [
    ['maxQueued: 5', '3:5 origin or targets is missing'],
    [`origin: https://c\n${TWO}`, '4:14 targets are in place of origin'],
    ['targets: []', '3:14 targets must not be empty'],
    ['targets: [{ origin: http://orders.internal }]', '3:25 origin must be https: beyond loopback'],
    ['targets: [{ origin: https://a }, { origin: https://a }]', '3:48 another target has this origin'],
    ["targets: [{ origin: https://a }, { origin: https://b, name: '1' }]", '3:38 another target has this name'],
    [
      'targets: [{ origin: https://a, weight: 0 }, { origin: https://b, weight: 0 }]',
      '3:14 one of the targets needs a weight above 0'
    ],
    ['targets: [{ origin: http://127.0.0.1:1 }]\ntls: {}', '4:10 tls is for https: origins'],
    ['origin: https://a\nejection: {}', '4:15 ejection needs several targets'],
    ['origin: https://a\nbreaker: { window: 5 }', '4:24 window must not be smaller than minimumCalls'],
    ['origin: https://a\nretries: { attempts: 1 }', /^4:26 attempts must be /],
    ['origin: https://a\nretries: { statuses: [404] }', /^4:27 each of statuses must be /],
    ['origin: https://a\nretries: { budgetPercent: 101 }', /^4:31 budgetPercent must be /],
    ['origin: https://a\nbulkhead: { maxQueued: 1 }', '4:15 maxPending is missing'],
    ['origin: https://a\nhealthCheck: { path: ready }', '4:26 path must be a path']
  ] as const) {
    t.match(mistakesIn(withUpstream(lines)), [message], lines)
    t.equal(mistakesIn(withUpstream(lines)).length, 1, lines)
  }
})
