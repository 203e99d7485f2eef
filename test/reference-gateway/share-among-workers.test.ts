import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { leftWorkerFolders } from '@sallyport/audit-log'
import type { RouteTableOptions } from '@sallyport/forwarding'
import t from 'tap'
import { readRouteTable } from '../../plugins/forwarding/src/options.ts'
import { portionOf, shareOfWorker, tableOfWorker } from '../../reference-gateway/src/share-among-workers.ts'
import { settingsMistakes } from '../../reference-gateway/src/settings.ts'
import { SETTINGS } from '../support/edge.ts'

t.test('a worker has its share of what is divided, and the first one does what one does for all', t => {
  const settings = {
    ...SETTINGS,
    ...{ workers: 3, databaseConnections: 10, gatewayProcesses: 2 },
    ...{ auditSpillPath: '/spill', auditVerifierIntervalMs: 500, auditVerifierReadiness: true }
  }
  t.match(shareOfWorker(settings, { slot: 1, of: 3 }), {
    ...{ databaseConnections: 3, gatewayProcesses: 6 },
    ...{ auditSpillPath: '/spill/worker-1', auditVerifierIntervalMs: 500, auditVerifierReadiness: true }
  })
  t.match(shareOfWorker(settings, { slot: 2, of: 3 }), {
    ...{ auditSpillPath: '/spill/worker-2', auditVerifierIntervalMs: 0, auditVerifierReadiness: false }
  })
  t.notOk('auditSpillPath' in { ...shareOfWorker({ ...SETTINGS, workers: 2 }, { slot: 1, of: 2 }) })
  t.same([portionOf(30, 4), portionOf(2, 4)], [7, 1])
  t.end()
})

t.test('what is divided where a table says nothing is what the plugin takes then', t => {
  const table: RouteTableOptions = {
    upstreams: { repeated: { origin: 'https://c.example', retries: { attempts: 2 } } },
    routes: [{ path: '/a', upstream: 'repeated', forward: 'none', access: 'public', webSocket: {} }]
  }
  const { upstreams, routes } = readRouteTable(table)
  const whole = { burst: upstreams['repeated']?.retries?.burst, webSocket: routes[0]?.webSocket }
  const shared = tableOfWorker(table, 2)
  t.equal((shared.upstreams['repeated']?.retries?.burst ?? 0) * 2, whole.burst)
  t.equal((shared.routes[0]?.webSocket?.maxOpen ?? 0) * 2, whole.webSocket?.maxOpen)
  t.equal((shared.routes[0]?.webSocket?.maxOpenPerCaller ?? 0) * 2, whole.webSocket?.maxOpenPerCaller)
  t.end()
})

t.test('connections, bulkheads and requests under way of a table are divided, shares and times are not', t => {
  const plain = { path: '/a', upstream: 'plain', forward: 'none', access: 'public' } as const
  const table: RouteTableOptions = {
    shedding: { maxPending: 100, maxEventLoopDelayMs: 50 },
    upstreams: {
      plain: { origin: 'https://a.example' },
      guarded: {
        origin: 'https://b.example',
        ...{ maxConnections: 9, maxQueued: 1 },
        bulkhead: { maxPending: 10, maxQueued: 5, queueTimeoutMs: 7 },
        retries: { attempts: 2, budgetPercent: 20, burst: 9 }
      },
      repeated: { origin: 'https://c.example', maxConnections: 2, maxQueued: 2, retries: { attempts: 3 } }
    },
    routes: [
      plain,
      { ...plain, path: '/b', webSocket: { maxOpen: 100, idleMs: 5 } },
      { ...plain, path: '/c', webSocket: { maxOpenPerCaller: 1 } }
    ]
  }
  t.equal(tableOfWorker(table, 1), table)
  t.same(tableOfWorker(table, 2), {
    shedding: { maxPending: 50, maxEventLoopDelayMs: 50 },
    upstreams: {
      plain: { origin: 'https://a.example', maxConnections: 32, maxQueued: 128 },
      guarded: {
        origin: 'https://b.example',
        ...{ maxConnections: 4, maxQueued: 1 },
        bulkhead: { maxPending: 5, maxQueued: 2, queueTimeoutMs: 7 },
        retries: { attempts: 2, budgetPercent: 20, burst: 4 }
      },
      repeated: { origin: 'https://c.example', maxConnections: 1, maxQueued: 1, retries: { attempts: 3, burst: 5 } }
    },
    routes: [
      plain,
      { ...plain, path: '/b', webSocket: { maxOpen: 50, maxOpenPerCaller: 10, idleMs: 5 } },
      { ...plain, path: '/c', webSocket: { maxOpen: 500, maxOpenPerCaller: 1 } }
    ]
  })
  t.end()
})

t.test('a database pool that cannot be divided is refused by name', t => {
  const few = { ...SETTINGS, databaseUrl: 'postgres://localhost/x', databaseConnections: 8 }
  t.same(settingsMistakes({ ...few, workers: 4 }), [])
  t.same(settingsMistakes({ ...few, workers: 5 }), ['databaseConnections: 8 are too few for 5 workers, which need 10'])
  t.end()
})

t.test('rows that a worker has kept and that no worker would bring into the trail are refused', t => {
  const folder = t.testdir({})
  const keep = (path: string, bytes: number): void => {
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'rows.spill'), Buffer.alloc(bytes))
  }
  keep(join(folder, 'worker-1'), 4096)
  keep(join(folder, 'worker-3'), 4096)
  keep(join(folder, 'worker-4'), 16)
  const mistakes = (workers: number): string[] => leftWorkerFolders({ auditSpillPath: folder, workers })
  t.same(mistakes(3), [])
  t.match(mistakes(2), [/worker-3 has rows for the trail: start once with 3 workers/])
  t.match(mistakes(1), [/worker-1 .*start once with 2 workers/, /worker-3/])
  keep(folder, 4096)
  t.match(mistakes(3), [/has rows for the trail: start once without workers/])
  t.same(leftWorkerFolders({ auditSpillPath: join(folder, 'worker-1'), workers: 3 }), [], 'it has itself')
  t.same(leftWorkerFolders({ auditSpillPath: join(folder, 'none'), workers: 3 }), [])
  t.same(leftWorkerFolders({ workers: 3 }), [])
  t.end()
})
