import { asUser, answerList, type Flow } from '../flow.ts'

/** The trail of what the earlier flows did, and of what they were refused. */
export const auditFlow: Flow = {
  title: '6. Audit: every change and every denial',
  run: async (stack, transcript) => {
    const trail = await transcript.call({
      url: `${stack.gateway}/audit/order-service`,
      headers: asUser(stack, 'admin1')
    })
    const events = answerList(trail, 'events')
    transcript.check(
      trail.status === 200 && events.some(event => event.action === 'order.place' && event.outcome === 'success'),
      'orders that were placed'
    )
    transcript.check(
      events.some(event => event.outcome === 'denied'),
      'and what was denied'
    )
    const refused = await transcript.call({
      url: `${stack.gateway}/audit/order-service`,
      headers: asUser(stack, 'customer1')
    })
    transcript.check(refused.status === 403, 'only for an administrator')
  }
}
