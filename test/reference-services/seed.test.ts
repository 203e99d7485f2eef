import * as orderService from '@sallyport/order-service'
import t from 'tap'
import { as, FACTS, SETTINGS, startService } from './support/services.ts'

const settings = { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' }

t.test('the demo data is the same after it was put there twice', async t => {
  const { app, owner } = await startService(t, orderService, settings)
  const before = await owner('orders').select().orderBy('order_id')
  await orderService.seedDemo(owner, FACTS)
  t.same(await owner('orders').select().orderBy('order_id'), before)
  const answer = await app.inject({ url: '/orders', headers: await as('admin1', 'order-service') })
  t.equal(answer.statusCode, 200, answer.body)
  t.equal(answer.json().orders.length, 7)
})
