import { CALLERS, placingBy } from './audit/order-callers.ts'
import type { Benchmark } from './support/types.ts'

const server = new URL('audit/order-service.ts', import.meta.url)

/**
 * What the audit rows of a change cost: `POST /orders` of order-service, which writes two of them in its transactions,
 * beside the same service whose requests write none. CPU is of the service and of all processes of its database,
 * sealing of the rows included. Personal values are sealed under wrapped keys and can be searched for, as in
 * production.
 */
export const benchmark: Benchmark = {
  candidates: [
    { name: 'audited', server },
    { name: 'without rows', server, options: { rows: false } }
  ],
  operations: CALLERS.map(callers => ({
    name: placingBy(callers),
    warmUp: 2000,
    requests: 1000,
    concurrency: callers
  })),
  goals: CALLERS.map(callers => ({
    name: `${placingBy(callers)}, Node + PostgreSQL: audited ÷ without rows`,
    operation: placingBy(callers),
    slower: 'audited',
    faster: 'without rows',
    withDatabase: true,
    goal: 1.2,
    better: 'lower'
  })),
  rounds: 9
}
