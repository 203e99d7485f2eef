import type { Recovered } from '@sallyport/service-kit'
import { finishCancel } from './cancel-order.ts'
import type { StoredOrder } from './order.ts'
import { storeTicketAnswer, withdrawOrder, type OrderCollaborators } from './settle-order.ts'
import { findUnfinishedOrder, giveUpCancel } from './unfinished-orders.ts'

/** What orders are recovered with. */
export interface RecoverOrderCollaborators extends OrderCollaborators {
  /** An order that is older is undone and not finished, in ms. */
  readonly undoneAfterMs: number
  /** Epoch in ms. */
  readonly clock: () => number
}

/**
 * Finishes an order that was begun and left behind. The restaurant is asked for the ticket again: the order's id makes
 * that the same question as before. A cancellation that had begun is carried out. An order so old that nobody waits for
 * it any more is not brought to the kitchen: its ticket is withdrawn.
 * @throws what `restaurants` throws; then the order stays as it is for a later run
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
