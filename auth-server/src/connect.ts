import { readFile } from 'node:fs/promises'
import type { LiveSettings } from '@sallyport/configuration'
import type { ProcessContext } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import { buildApp, type AppCollaborators } from './app.ts'
import { createOwnRows } from './administration/own-rows.ts'
import { InvalidSettingsError } from './errors.ts'
import { usedSecretsSubscriber } from './live-secrets.ts'
import type { AuthServerSettings } from './settings.ts'
import { postgresStore } from './store/postgres/index.ts'

/**
 * Makes the collaborators of the authorization server of its settings and what its process has opened.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export async function openCollaborators(
  settings: AuthServerSettings,
  context: ProcessContext,
  live: LiveSettings<AuthServerSettings>
): Promise<AppCollaborators> {
  const { tls, tracing, database } = context
  const [clientCa, logoutCa] = await Promise.all([
    readAuthorities(settings, 'mtlsClientCaPath'),
    readAuthorities(settings, 'backchannelLogoutCaPath')
  ])
  const store = postgresStore(database)
  live.subscribe(usedSecretsSubscriber(live, store))
  return {
    store,
    secrets: () => live.current,
    tracing,
    ...(tls !== null && { tls }),
    ...(clientCa !== null && { clientCa }),
    ...(logoutCa !== null && { logoutDelivery: { ca: logoutCa } })
  }
}

/** The app of the process; the log of a first boot says what to run, since without a client nobody gets a token. */
export async function buildConnected(
  settings: AuthServerSettings,
  collaborators: AppCollaborators,
  live: LiveSettings<AuthServerSettings>
): Promise<FastifyInstance> {
  const app = await buildApp(settings, collaborators, live)
  await createOwnRows({
    store: collaborators.store,
    audit: async ({ connection }, event) => {
      if (connection !== null) await app.auditWithin(connection, event)
    }
  })
  if ((await collaborators.store.connection?.('clients').first('id')) === undefined) {
    app.log.warn(
      'there are no clients yet: `sallyport-auth-server clients create <id> --grants …` makes one, ' +
        '`users create <name> --password-stdin` a user, `help` shows the rest; in a clone it is `npm run auth --`'
    )
  }
  return app
}

/** The authorities of a setting that is used when they are not those of the server itself. */
async function readAuthorities(
  settings: AuthServerSettings,
  name: 'mtlsClientCaPath' | 'backchannelLogoutCaPath'
): Promise<string | null> {
  const path = settings[name]
  if (path === undefined) return null
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw Object.assign(new InvalidSettingsError(`${name} ${path} cannot be read`), { cause })
  }
}
