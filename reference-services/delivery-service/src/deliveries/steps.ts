import type { Position } from './delivery-store.ts'

/** A step of a delivery, with the name of its route. */
export type Step = 'accept' | 'pickup' | 'deliver'

/** A step of this courier: the state before and after. */
export function stepOf(step: Step, courierId: string): { readonly from: Position; readonly to: Position } {
  switch (step) {
    case 'accept':
      return { from: { state: 'SCHEDULED', courierId: null }, to: { state: 'ACCEPTED', courierId } }
    case 'pickup':
      return { from: { state: 'ACCEPTED', courierId }, to: { state: 'PICKED_UP', courierId } }
    case 'deliver':
      return { from: { state: 'PICKED_UP', courierId }, to: { state: 'DELIVERED', courierId } }
  }
}
