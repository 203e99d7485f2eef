import type { DeliveryProgress } from './delivery-store.ts'

/** A step of a delivery, named as its route. */
export type DeliveryStep = 'accept' | 'pickup' | 'deliver'

/** A step of this courier: where the delivery must be, and where it is then. */
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
