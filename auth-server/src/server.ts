import { loadSettings } from '@sallyport/configuration'
import { refuseInsecureRuntime } from '@sallyport/secure-transport'
import { runService, startTracing } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import { buildApp } from './app.ts'
import { authoritiesOf, connectDatabase, tlsOf } from './connect.ts'
import { settingsSchema, type AuthServerSettings } from './settings.ts'
import { postgresStore } from './store/postgres/index.ts'

const NAME = 'auth-server'

/** Makes the collaborators from the settings, and closes them with the app. */
async function build (settings: AuthServerSettings): Promise<FastifyInstance> {
  const [tls, clientCa, logoutCa] = await Promise.all([tlsOf(settings), authoritiesOf(settings, 'mtlsClientCaPath'), authoritiesOf(settings, 'backchannelLogoutCaPath')])
  const db = connectDatabase(settings)
  const tracing = startTracing({ serviceName: NAME, acceptIncoming: false })
  const release = async (): Promise<void> => { await Promise.allSettled([db.destroy(), tracing.close()]) }
  const app = await buildApp(settings, { store: postgresStore(db), tracing, release, ...(tls !== null && { tls }), ...(clientCa !== null && { clientCa }), ...(logoutCa !== null && { logoutDelivery: { ca: logoutCa } }) })
  await explainFirstBoot(app, db)
  return app
}

/** Without a client nobody gets a token: say what to run. */
async function explainFirstBoot (app: FastifyInstance, db: Knex): Promise<void> {
  if (await db('clients').first('id') !== undefined) return
  app.log.warn('there are no clients yet: `npm run auth -- clients create <id> --grants …` makes one, `npm run auth -- users create <name> --password-stdin` a user, `npm run auth -- help` shows the rest')
}

const listen: { host: string, port: number, drainDelayMs?: number } = { host: '127.0.0.1', port: 0 }
await runService({
  name: NAME,
  // Read after `build`, which has found them by then.
  get host () { return listen.host },
  get port () { return listen.port },
  get drainDelayMs () { return listen.drainDelayMs },
  build: async () => {
    refuseInsecureRuntime(process.env, process.execArgv)
    const { values } = loadSettings({ schema: settingsSchema, environment: process.env })
    Object.assign(listen, { host: values.host, port: values.port, drainDelayMs: values.drainDelayMs })
    return await build(values)
  }
})
