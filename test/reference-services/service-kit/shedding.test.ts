import * as deliveryService from '@sallyport/delivery-service'
import t from 'tap'
import { ALWAYS_OVERLOADED, sheds } from '../../support/shedding.ts'
import { SETTINGS, startService } from '../support/services.ts'

t.test('an overloaded service sheds requests, and answers its operators', async t => {
  const { app } = await startService(t, deliveryService, { ...SETTINGS, ...ALWAYS_OVERLOADED })
  await sheds(t, app as never, '/deliveries')
})
