import { runAuditCommand } from '@sallyport/audit-log'
import type { FaultStack } from './fault-stack.ts'
import { waitFor } from './wait-for.ts'
import type { ShopLoad } from './shop-load.ts'

const TRAILS = ['auth-server', 'order-service', 'restaurant-service', 'reference-gateway'] as const

interface LedgerOrder {
  readonly order_id: string
  readonly state: string
  readonly delivery_address: string
}

/**
 * What clients were told and the databases do not have, one sentence each: each order that was answered is there once,
 * with one ticket and one row of each step in the trail; each token has its row; and every trail verifies.
 */
export async function lostByClients(faults: FaultStack, load: ShopLoad): Promise<string[]> {
  const lost = [...load.malformed]
  const orders = faults.owner('order-service')
  const keys = [...load.placed.keys()]
  const rows: LedgerOrder[] = await orders('orders').whereIn('delivery_address', keys).select()
  const found = Map.groupBy(rows, row => row.delivery_address)
  for (const [key, orderId] of load.placed) {
    const ofKey = found.get(key) ?? []
    if (ofKey.length !== 1) lost.push(`${ofKey.length} orders for the key ${key}`)
    else if (ofKey[0]?.order_id !== orderId) lost.push(`the key ${key} was answered with an order that is not there`)
    else if (ofKey[0].state !== 'APPROVED') lost.push(`order ${orderId} was answered 201, and is ${ofKey[0].state}`)
  }
  const ids = rows.map(row => row.order_id)
  for (const action of ['order.place', 'order.approve']) {
    const recorded: Array<{ resource_id: string }> = await orders('audit_events')
      .where({ action, outcome: 'success' })
      .whereIn('resource_id', ids)
      .select('resource_id')
    const counts = Map.groupBy(recorded, row => row.resource_id)
    for (const id of ids) {
      const times = counts.get(id)?.length ?? 0
      if (times !== 1) lost.push(`${action} of ${id} is in the trail ${times} times`)
    }
  }
  const tickets: Array<{ order_id: string }> = await faults
    .owner('restaurant-service')('tickets')
    .whereIn('order_id', ids)
    .select('order_id')
  const ticketsOf = Map.groupBy(tickets, row => row.order_id)
  for (const id of ids) if (ticketsOf.get(id)?.length !== 1) lost.push(`order ${id} has no ticket, or several`)
  const [issued] = await faults
    .owner('auth-server')('audit_events')
    .where({ action: 'token.issue', outcome: 'success', client_id: 'machine-client' })
    .where('occurred_at', '>=', load.startedAt)
    .count({ rows: '*' })
  if (Number(issued?.rows) < load.tokens()) lost.push(`${load.tokens()} tokens, and ${issued?.rows} rows about them`)
  for (const trail of TRAILS) lost.push(...(await faultsOfTrail(faults, trail)))
  return lost
}

/** Nothing, or what the command says about a trail that does not verify. */
async function faultsOfTrail(faults: FaultStack, trail: string): Promise<string[]> {
  const url = new URL(faults.primary().url)
  url.pathname = `/sallyport_${trail.replaceAll('-', '_')}`
  const lines: string[] = []
  const verify = async (): Promise<boolean> => {
    lines.length = 0
    const code = await runAuditCommand({
      args: ['verify'],
      environment: { DATABASE_URL: url.href },
      call: 'sallyport-audit',
      out: line => lines.push(line),
      error: line => lines.push(line)
    })
    return code === 0
  }
  try {
    await waitFor(`the trail of ${trail} verifies`, verify, 20_000)
    return []
  } catch {
    return [`the trail of ${trail} does not verify: ${lines.join(' ')}`]
  }
}
