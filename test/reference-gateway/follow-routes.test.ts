import type { RouteTableOptions } from '@sallyport/forwarding'
import metrics from '@sallyport/metrics'
import type { AuditEvent } from '@sallyport/security-context'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { followRoutes } from '../../reference-gateway/src/follow-routes.ts'
import type { RoutesReading } from '../../reference-gateway/src/routes-file.ts'

const tableOf = (path: string): RoutesReading => ({
  table: {
    defaults: {},
    upstreams: { orders: { origin: 'https://orders.example' } },
    routes: [{ path, upstream: 'orders', forward: 'none', access: 'public' }]
  },
  mistakes: []
})
const BROKEN: RoutesReading = { table: null, mistakes: [{ line: 3, column: 7, message: 'path is missing' }] }

/** An app whose routes are followed, and everything that the test moves and sees. */
async function following(t: Test, subscriber: (table: RouteTableOptions) => void = () => {}) {
  const lines: string[] = []
  const rows: AuditEvent[] = []
  const taken: string[] = []
  const timers: Array<() => void> = []
  let said = tableOf('/first')
  let event = (): void => {}
  let hangUp = async (): Promise<void> => {}
  const app = Fastify({
    logger: {
      stream: {
        write: (line: string) => {
          lines.push(line)
        }
      }
    }
  })
  app.decorate('auditSink', {
    write: async (row: AuditEvent) => {
      rows.push(row)
    }
  })
  await app.register(metrics, { processMetrics: false })
  await app.register(followRoutes, {
    subscribers: [
      {
        name: 'forwarding',
        validate: table => {
          subscriber(table)
          return {
            apply: () => {
              taken.push(table.routes[0]?.path ?? '')
            },
            undo: () => {}
          }
        }
      }
    ],
    routes: {
      file: { path: '/etc/gateway/gateway.yaml', read: () => said },
      first: said,
      readAgainAtHangup: readAgain => {
        hangUp = readAgain
      },
      watch: (folder, onEvent) => {
        t.equal(folder, '/etc/gateway')
        event = onEvent
        return { close: () => {} }
      },
      startTimer: run => {
        timers.push(run)
        return { stop: () => {} }
      },
      schedule: () => ({ stop: () => {} })
    }
  })
  await app.ready()
  t.after(() => app.close())
  return {
    lines,
    rows,
    taken,
    say: (reading: RoutesReading) => {
      said = reading
    },
    hangUp: async () => await hangUp(),
    /** An event of the folder, and the two looks that follow. */
    notice: async () => {
      event()
      while (timers.length > 0) {
        for (const run of timers.splice(0)) run()
        await new Promise(resolve => setImmediate(resolve))
      }
    },
    counted: async () => {
      const text = await app.metricsRegistry.metrics()
      return [...text.matchAll(/^sallyport_gateway_routes_reloads_total\{outcome="(\w+)"\} (\d+)$/gm)].map(
        ([, outcome, count]) => `${outcome} ${count}`
      )
    }
  }
}

t.test('SIGHUP takes a new file, and one that says the same changes nothing', async t => {
  const routes = await following(t)
  routes.say(tableOf('/second'))
  await routes.hangUp()
  await routes.hangUp()
  t.strictSame(routes.taken, ['/second'])
  t.match(routes.rows, [{ action: 'routes.reload', outcome: 'success', detail: { routes: 1, upstreams: 1 } }])
  t.strictSame(await routes.counted(), ['taken 1', 'refused 0'])
})

t.test('the watch takes a new file once, also together with SIGHUP', async t => {
  const routes = await following(t)
  routes.say(tableOf('/second'))
  await Promise.all([routes.notice(), routes.hangUp()])
  await routes.notice()
  t.strictSame(routes.taken, ['/second'])
})

t.test('a file that is what it was before a SIGHUP is taken again, though no look saw the one between', async t => {
  const routes = await following(t)
  routes.say(tableOf('/second'))
  await routes.hangUp()
  routes.say(tableOf('/first'))
  await routes.notice()
  t.strictSame(routes.taken, ['/second', '/first'])
})

t.test('G-20: a file with mistakes changes nothing, and log, metric and audit trail say so', async t => {
  const routes = await following(t)
  routes.say(BROKEN)
  await routes.notice()
  t.strictSame(routes.taken, [])
  t.match(routes.lines.join(''), 'gateway.yaml:3:7: path is missing')
  t.match(routes.lines.join(''), 'the routes stay what they were')
  t.match(routes.rows, [
    { action: 'routes.reload', outcome: 'failure', reason: 'routes-invalid', detail: { mistakes: 1 } }
  ])
  t.strictSame(await routes.counted(), ['taken 0', 'refused 1'])
  routes.say(tableOf('/third'))
  await routes.notice()
  t.strictSame(routes.taken, ['/third'])
})

t.test('a table that a part of the gateway refuses changes nothing', async t => {
  const routes = await following(t, ({ routes: [route] }) => {
    if (route?.path === '/login') throw new Error('POST /login is a route of the app itself')
  })
  routes.say(tableOf('/login'))
  await routes.hangUp()
  t.strictSame(routes.taken, [])
  t.match(routes.lines.join(''), 'forwarding: POST /login is a route of the app itself')
  t.match(routes.rows, [{ outcome: 'failure', reason: 'SALLYPORT_PROCESS_RELOAD_REFUSED' }])
})
