import * as configurationServer from '@sallyport/configuration-server'
import type { ConfigurationServerCollaborators } from '@sallyport/configuration-server'
import type { Test } from 'tap'
import { authority, SETTINGS, startService, type TestService } from '../../support/services.ts'

export const AUDIENCE = 'configuration-server'
export const OLD_KEY = `old:${Buffer.alloc(32, 'old key of the test').toString('base64url')}`
export const NEW_KEY = `new:${Buffer.alloc(32, 'new key of the test').toString('base64url')}`
export const SERVER_SETTINGS = {
  ...SETTINGS,
  sealingKeys: OLD_KEY,
  changePollMs: 1000,
  heartbeatMs: 15_000,
  maxStreams: 100,
  maxStreamsPerCaller: 3,
  longestStreamMs: 600_000
}

export type Headers = Readonly<Record<string, string>>

/** A server whose changes of other processes are looked for when the test says so. */
export async function startServer(
  t: Test,
  settings: Partial<typeof SERVER_SETTINGS> = {},
  collaborators: Partial<ConfigurationServerCollaborators> = {}
): Promise<TestService> {
  return await startService(t, configurationServer, { ...SERVER_SETTINGS, ...settings }, {
    changeSchedule: () => ({ stop: () => {} }),
    ...collaborators
  } as object)
}

/** The token of an application's own client. */
export async function ofApplication(
  name: string,
  scope = 'config:read config:secrets',
  more: Partial<Parameters<typeof authority.mint>[0]> = {}
): Promise<Headers> {
  const token = await authority.mint({ subject: name, clientId: name, audience: AUDIENCE, scope, act: null, ...more })
  return { authorization: `Bearer ${token}` }
}

/** The token of a user with a role. */
export async function ofUser(role: string, scope: string, subject = 'somebody'): Promise<Headers> {
  const token = await authority.mint({ subject, audience: AUDIENCE, roles: [role], scope })
  return { authorization: `Bearer ${token}` }
}

export const ofAdministrator = async (): Promise<Headers> =>
  await ofUser('ADMIN', 'config:read config:write audit:read')

/** Writes a configuration over whatever is there. */
export async function put(
  { app }: TestService,
  path: string,
  values: object,
  secrets: object = {},
  match: Headers = { 'if-none-match': '*' }
) {
  return await app.inject({
    method: 'PUT',
    url: `/admin/configurations/${path}`,
    headers: { ...(await ofAdministrator()), ...match },
    payload: { values, secrets }
  })
}

/** Asks for the configuration of an application as its own client. */
export async function get({ app }: TestService, url: string, headers?: Headers) {
  const [, application = ''] = url.split('/')
  return await app.inject({ method: 'GET', url, headers: headers ?? (await ofApplication(application)) })
}
