// What a configuration server may set in the processes of the reference, and what nobody but their environment may.
import { readServerDocument } from '@sallyport/configuration'
import type { TObject } from 'typebox'
import t from 'tap'
import { readPulled } from '../../plugins/configuration/src/pulled.ts'
import { readProcessSettings } from '../../plugins/service-process/src/read-process-settings.ts'
import * as authServer from '../../auth-server/src/settings.ts'
import * as gateway from '../../reference-gateway/src/settings.ts'
import * as configurationServer from '../../reference-services/configuration-server/src/settings.ts'
import * as deliveries from '../../reference-services/delivery-service/src/settings.ts'
import * as orders from '../../reference-services/order-service/src/settings.ts'
import * as restaurants from '../../reference-services/restaurant-service/src/settings.ts'

const OF_ALL = ['logLevel', 'maxEventLoopDelayMs', 'maxEventLoopUtilization']
const OF_SERVICES = [...OF_ALL, 'upstreamTimeoutMs']
const RECOVERY = ['recoveryAgeMs', 'recoveryIntervalMs']
const PULLED = {
  gateway: [
    gateway.settingsSchema,
    [...OF_SERVICES, 'routesOverlay', 'maxBodyBytes', 'answerTimeoutMs', 'streamPauseMs', 'loginsPerMinute']
  ],
  orders: [orders.settingsSchema, [...OF_SERVICES, ...RECOVERY, 'orderUndoneAfterMs']],
  restaurants: [restaurants.settingsSchema, [...OF_SERVICES, ...RECOVERY]],
  deliveries: [deliveries.settingsSchema, OF_SERVICES]
} as const

t.test('limits and behaviour are pulled; issuer, trust, TLS, origins, database and secrets are not', t => {
  for (const [process, [schema, pulled]] of Object.entries(PULLED)) {
    const marked = Object.entries(schema.properties).filter(([, property]) => 'pulled' in property && property.pulled)
    t.strictSame(marked.map(([name]) => name).sort(), pulled.toSorted(), process)
  }
  t.end()
})

t.test('no spelling of a pushed setting gets past a server document', t => {
  const { properties }: { properties: Parameters<typeof readPulled>[0] } = gateway.settingsSchema as TObject
  const spellings = (setting: string): string[] => {
    const kebab = setting.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    const snake = kebab.replaceAll('-', '_')
    const names = [setting, kebab, snake, snake.toUpperCase(), `SALLYPORT_${snake.toUpperCase()}`, `${setting}[0]`]
    return [...names, ...names.map(name => `sallyport.${name}`), `${kebab}[0]`, `${setting}_FILE`, `-${setting}`]
  }
  const pushed = Object.entries(properties).filter(([, property]) => !('pulled' in property))
  t.ok(pushed.length > 30)
  for (const name of [...pushed.map(([setting]) => setting), 'constructor', '__proto__', 'toString']) {
    for (const spelling of spellings(name)) {
      const source = `{"propertySources":[{"source":{${JSON.stringify(spelling)}:"x"}}],"name":"gateway"}`
      const names = { application: 'gateway', profile: 'default', label: 'main' }
      const read = () => {
        const { values } = readServerDocument(source, names)
        return readPulled(properties, { origin: 'server', values })
      }
      let mistakes = 0
      try {
        const { found, mistakes: told } = read()
        t.equal(found.size, 0, spelling)
        mistakes = told.length
      } catch {
        mistakes = 1
      }
      t.equal(mistakes, 1, `${spelling} is refused`)
    }
  }
  // Names of other programs are left out, and so is whatever has a part more.
  for (const nested of ['sallyport.issuer.url', 'sallyport.sallyport.issuer', 'SALLYPORT.ISSUER', 'spring.issuer']) {
    const source = `{"propertySources":[{"source":{"${nested}":"x"}}],"name":"gateway"}`
    t.strictSame(readServerDocument(source, { application: 'gateway', profile: 'a', label: 'b' }).values, {}, nested)
  }
  t.end()
})

t.test('the authorization server and the configuration server ask no configuration server', t => {
  for (const { settingsSchema } of [authServer, configurationServer]) {
    const environment = { SALLYPORT_CONFIGURATION_URL: 'https://configuration.example' }
    t.throws(() => readProcessSettings({ settings: settingsSchema }, environment), {
      message: /SALLYPORT_CONFIGURATION_URL: is set in the environment, but there is no such setting/
    })
  }
  t.end()
})
