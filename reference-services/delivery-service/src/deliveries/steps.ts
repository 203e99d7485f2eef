import type { DeliveryProgress } from './delivery-store.ts'

/** A step of a delivery, with the name of its route. */
export type DeliveryStep = 'accept' | 'pickup' | 'deliver'

/** A step of this courier: the state before and after. */
export function progressOfStep(
  step: DeliveryStep,
  courierId: string
): { readonly from: DeliveryProgress; readonly to: DeliveryProgress } {
  switch (step) {
    case 'accept':
      return { from: { state: 'SCHEDULED', courierId: null }, to: { state: 'ACCEPTED', courierId } }
    case 'pickup':
      return { from: { state: 'ACCEPTED', courierId }, to: { state: 'PICKED_UP', courierId } }
    case 'deliver':
      return { from: { state: 'PICKED_UP', courierId }, to: { state: 'DELIVERED', courierId } }
  }
}
