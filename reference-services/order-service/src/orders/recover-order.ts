import type { Recovered } from '@sallyport/service-kit'
import { finishCancel } from './cancel-order.ts'
import type { StoredOrder } from './order.ts'
import { storeTicketAnswer, withdrawOrder, type OrderCollaborators } from './settle-order.ts'
import { findUnfinishedOrder, giveUpCancel } from './unfinished-orders.ts'

/** Collaborators for recovering orders. */
export interface RecoverOrderCollaborators extends OrderCollaborators {
  /** An order that is older is undone and not finished, in ms. */
  readonly undoneAfterMs: number
  /** Epoch in ms. */
  readonly clock: () => number
}

/**
 * Finishes an order that was left unfinished. It asks the restaurant for the ticket again, with the id of the order as
 * the idempotency key. It carries out a cancellation that has begun. The ticket of an order so old that nobody waits
 * for it is withdrawn.
 * @throws what `restaurants` throws; then the order stays unchanged for a later run
 */
export async function recoverOrder(collaborators: RecoverOrderCollaborators, orderId: string): Promise<Recovered> {
  const unfinished = await findUnfinishedOrder(collaborators.db, orderId)
  if (unfinished === null) return 'settled'
  const { order, begun } = unfinished
  if (begun === 'cancel') return recoverCancel(collaborators, order)
  const { restaurants } = collaborators
  const ticket = await restaurants.openTicket(order)
  const undoes = ticket.kind === 'opened' && isTooOld(collaborators, order)
  if (undoes && (await restaurants.cancelTicket(ticket.ticketId))) {
    await withdrawOrder(collaborators, order, ticket.ticketId, 'recovered-too-late')
    return 'undone'
  }
  const { state } = await storeTicketAnswer(collaborators, order, ticket)
  return state === 'APPROVED' ? 'finished' : 'undone'
}

async function recoverCancel(collaborators: RecoverOrderCollaborators, order: StoredOrder): Promise<Recovered> {
  try {
    await finishCancel(collaborators, order)
    return 'finished'
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && error.code === 'SALLYPORT_ORDER_NOT_CANCELLABLE'
    if (!refused) throw error
    await giveUpCancel(collaborators.db, order.orderId)
    return 'undone'
  }
}

function isTooOld({ clock, undoneAfterMs }: RecoverOrderCollaborators, { createdAt }: StoredOrder): boolean {
  return clock() - createdAt.getTime() > undoneAfterMs
}
