import { settingsSchema as authServer } from '@sallyport/auth-server'
import { settingsSchema as configurationServer } from '@sallyport/configuration-server'
import { settingsSchema as deliveryService } from '@sallyport/delivery-service'
import { settingsSchema as orderService } from '@sallyport/order-service'
import { settingsSchema as gateway } from '@sallyport/reference-gateway'
import { settingsSchema as restaurantService } from '@sallyport/restaurant-service'
import { loggerOptions } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'

const CANARY = 'canary0123456789'

t.test('P5: no secret setting of any process is in a log line under its own name or that of its variable', async t => {
  const schemas = [authServer, gateway, orderService, restaurantService, deliveryService, configurationServer]
  const settings = schemas.flatMap(({ properties }) => Object.entries(properties))
  const secrets = new Set(
    settings.filter(([, schema]) => 'secret' in schema && schema.secret === true).map(([name]) => name)
  )
  t.ok(secrets.size >= 5)
  let text = ''
  const stream = {
    write: (line: string) => {
      text += line
    }
  }
  const app = Fastify({ logger: { ...loggerOptions({ name: 'a', level: 'info' }), stream } })
  for (const name of secrets) {
    const variable = name.replaceAll(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
    app.log.info({ [name]: CANARY, [variable]: CANARY, [`SALLYPORT_${variable}`]: CANARY }, name)
    t.notMatch(text.trim().split('\n').at(-1), new RegExp(CANARY), name)
  }
})
