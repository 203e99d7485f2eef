import { asUser, answerList, answerMember, type Flow } from '../flow.ts'
import { placeDemoOrder } from './4-service-to-service.ts'

/** Roles and access control lists, decided in the services. */
export const authorizationFlow: Flow = {
  title: '5. Authorization in the services: roles and access control lists',
  run: async (stack, transcript) => {
    const order = await placeDemoOrder(stack, transcript, 'customer1')
    const url = `${stack.gateway}/orders/${String(order.orderId)}`
    const own = await transcript.call({ url, headers: asUser(stack, 'customer1') })
    transcript.check(own.status === 200, 'customer1 sees their order')
    const foreign = await transcript.call({ url, headers: asUser(stack, 'customer2') })
    transcript.check(foreign.status === 404, 'for customer2 it does not exist')
    const foreignCancel = await transcript.call({
      method: 'POST',
      url: `${url}/cancel`,
      headers: asUser(stack, 'customer2')
    })
    transcript.check(foreignCancel.status === 404, 'and customer2 cannot cancel it')
    const admin = await transcript.call({ url, headers: asUser(stack, 'admin1') })
    transcript.check(admin.status === 200, 'admin1 sees all')

    const menuUrl = `${stack.gateway}/restaurants/${String(order.restaurantId)}/menu`
    const menu = await transcript.call({ url: menuUrl, headers: asUser(stack, 'restaurant1') })
    const items = answerList(menu, 'items').map(({ name, priceCents }) => ({ name, priceCents }))
    const foreignMenu = await transcript.call({
      method: 'PUT',
      url: menuUrl,
      headers: asUser(stack, 'restaurant2'),
      json: { items }
    })
    transcript.check(
      foreignMenu.status === 403 || foreignMenu.status === 404,
      'restaurant2 has no entry for this restaurant'
    )
    const cancelled = await transcript.call({
      method: 'POST',
      url: `${url}/cancel`,
      headers: asUser(stack, 'customer1')
    })
    transcript.check(cancelled.status === 200 && answerMember(cancelled, 'state') === 'CANCELLED', 'customer1 cancels')
  }
}
