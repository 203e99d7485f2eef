import authentication from '@sallyport/authentication'
import authorization, { role } from '@sallyport/authorization'
import configuration, { loadSettings } from '@sallyport/configuration'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { operations, operatorRoutes, processSettings, processSettingsMistakes } from '@sallyport/service-process'
import { createIssuer } from '@sallyport/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { Type } from 'typebox'
import { openLiveSettings } from '../../../plugins/service-process/src/open-live-settings.ts'

const CANARY = 'canary-of-the-database'
const schema = Type.Object(processSettings({ port: 0, operationsPort: 0 }), { additionalProperties: false })
const read = (environment: Record<string, string> = {}) =>
  loadSettings({
    schema,
    environment: { DATABASE_URL: `postgres://app:${CANARY}@127.0.0.1/app`, ...environment },
    mistakes: processSettingsMistakes
  })

async function operatedApp(t: Test, isLive: boolean) {
  const issuer = createIssuer({ audience: 'orders' })
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  const settled = openLiveSettings(read())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(operations, { settings: settled.live.current, checks: {} })
  await app.register(authentication, { issuer: issuer.issuer, audience: 'orders', keys: issuer.keys })
  await app.register(operatorRoutes, {
    access: role('ADMIN'),
    protect: async scope => {
      await scope.register(securityContext, { txn: () => null })
      await scope.register(authentication, { verifier: app.tokenVerifier })
      await scope.register(authorization, {})
    }
  })
  if (isLive) await app.register(configuration, { live: settled.live })
  await app.ready()
  const as = (...roles: string[]) => ({ authorization: `Bearer ${issuer.token({ roles })}` })
  const ask = async (headers: Record<string, string>) =>
    await app.operations.inject({ url: '/operator/settings', headers })
  return { as, ask, settled }
}

t.test('administrators see every setting with its origin and never a secret; others see none', async t => {
  const { as, ask, settled } = await operatedApp(t, true)
  t.equal((await ask({})).statusCode, 401)
  t.equal((await ask(as('CUSTOMER'))).statusCode, 403)
  const answer = await ask(as('ADMIN'))
  t.equal(answer.statusCode, 200)
  t.notMatch(answer.body, CANARY)
  const { settings, version } = answer.json<{ version: number; settings: Array<Record<string, unknown>> }>()
  t.equal(version, 1)
  const shown = (setting: string) => settings.find(one => one.setting === setting)
  t.match(shown('databaseUrl'), { variable: 'DATABASE_URL', shown: '[secret]', origin: /DATABASE_URL/ })
  t.match(shown('logLevel'), { variable: 'LOG_LEVEL', shown: /info/, live: true })
  t.equal(await settled.take(() => read({ LOG_LEVEL: 'warn' })), true)
  const after = (await ask(as('ADMIN'))).json<{ version: number; settings: Array<Record<string, unknown>> }>()
  t.equal(after.version, 2)
  t.match(
    after.settings.find(one => one.setting === 'logLevel'),
    { shown: /warn/, origin: /LOG_LEVEL/ }
  )
})

t.test('an app whose settings are not live shows none', async t => {
  const { as, ask } = await operatedApp(t, false)
  t.strictSame((await ask(as('ADMIN'))).json(), { settings: [] })
})
