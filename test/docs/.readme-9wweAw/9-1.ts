import { instanceOptions, operations, processSettings, runService, type ProcessContext, type SettingsOf } from '@sallyport/service-process'
import Fastify from 'fastify'
import { Type } from 'typebox'

const settings = Type.Object({
  ...processSettings({ port: 0, operationsPort: 0 }),
  greeting: Type.String({ default: 'hello' }) // SALLYPORT_GREETING
}, { additionalProperties: false })

type Settings = SettingsOf<typeof settings>

async function connect (_settings: Settings, { tls, tracing, database, checks }: ProcessContext) {
  return { tls, tracing, database, checks }
}

async function build (settings: Settings, { tls, tracing, checks }: Awaited<ReturnType<typeof connect>>) {
  const app = Fastify(instanceOptions({ name: 'hello', settings, tls: tls ?? undefined, tracing, requestIds: 'own' }))
  await app.register(tracing.plugin)
  await app.register(operations, { settings, tls: tls ?? undefined, checks })
  app.get('/', async request => ({ say: settings.greeting, trace: tracing.traceId(request) }))
  app.addHook('onListen', async () => { process.kill(process.pid, 'SIGTERM') }) // for this example only: ends at once
  return app
}

// For this example only; in a server.ts it is process.env.
const environment = { DATABASE_URL: 'postgres://app@127.0.0.1/hello', SALLYPORT_DRAIN_DELAY_MS: '0' }
await runService({ name: 'hello', settings, connect, build, environment })
