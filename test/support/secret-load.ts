// Everything that needs the secrets that are rotated: logins, sessions, exchanges, orders, reads of secrets.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { admin } from '@sallyport/auth-server'
import { runConfigurationCommands } from '@sallyport/configuration-server'
import type { OwnStack, Stack } from '@sallyport/local'
import { Agent, request } from 'undici'
import { administration } from './administration.ts'
import { connect } from './database.ts'
import { readSecret, superuserUrl } from './rotate-secrets.ts'

const READER = 'secrets-reader'
const BETWEEN_CALLS_MS = 50

/** What ran, and what failed. */
export interface SecretLoad {
  /** Answers so far, by kind. */
  readonly served: Readonly<Record<'session' | 'exchange' | 'configuration', number>>
  readonly failures: readonly string[]
  /** A session whose cookies the newest key has sealed goes on in the place of the first one. */
  readonly logInAgain: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts callers that go on until they are stopped. */
export async function startSecretLoad(own: OwnStack, stack: Stack): Promise<SecretLoad> {
  const ca = readFileSync(stack.caFile, 'utf8')
  const agent = new Agent({ connect: { ca } })
  const peers = new Agent({ connect: { ca, servername: 'configuration-server.sallyport.internal' } })
  const password = stack.users.find(({ username }) => username === 'customer1')?.password ?? ''
  const reader = await makeReader(own)
  const served = { session: 0, exchange: 0, configuration: 0 }
  const failures: string[] = []
  const ended = new AbortController()

  async function ask(url: string, headers: Readonly<Record<string, string>>, body?: unknown, dispatcher = agent) {
    const isForm = body instanceof URLSearchParams
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json'
    const response = await request(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(body !== undefined && { 'content-type': type }) },
      body: body === undefined ? null : isForm ? body.toString() : JSON.stringify(body),
      dispatcher
    })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`${new URL(url).pathname}: ${response.statusCode} ${text}`)
    return { text, cookies: [response.headers['set-cookie'] ?? []].flat().map(cookie => cookie.split(';')[0] ?? '') }
  }

  async function tokenOf(clientId: string, secret: string, parameters: Record<string, string>): Promise<string> {
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
    const { text } = await ask(`${stack.issuer}/oauth2/token`, { authorization }, new URLSearchParams(parameters))
    return String((JSON.parse(text) as { access_token: string }).access_token)
  }

  const logIn = async (): Promise<string> => {
    const { cookies } = await ask(`${stack.gateway}/login`, {}, { username: 'customer1', password })
    return cookies.join('; ')
  }
  let cookie = await logIn()
  const configurationServer = `https://127.0.0.1:${Number(new URL(stack.gateway).port) + 5}`
  const readerToken = await tokenOf(READER, reader.secret, {
    grant_type: 'client_credentials',
    audience: 'configuration-server',
    scope: 'config:read config:secrets'
  })

  const kinds: Record<keyof typeof served, () => Promise<void>> = {
    session: async () => {
      await ask(`${stack.gateway}/orders`, { cookie })
    },
    exchange: async () => {
      const gatewaySecret = readSecret(own, 'reference-gateway/sallyport-client-secret')
      const token = await tokenOf('gateway', gatewaySecret, { grant_type: 'password', username: 'customer1', password })
      await ask(`${stack.gateway}/orders`, { authorization: `Bearer ${token}` })
    },
    configuration: async () => {
      const { text } = await ask(
        `${configurationServer}/${READER}/default`,
        { authorization: `Bearer ${readerToken}` },
        undefined,
        peers
      )
      if (!text.includes(reader.value)) throw new Error('the configuration has another secret')
    }
  }
  const callers = Object.entries(kinds).map(async ([kind, call]) => {
    while (!ended.signal.aborted) {
      await call().then(
        () => served[kind as keyof typeof served]++,
        (error: unknown) => failures.push(`${kind}: ${String(error)}`)
      )
      // The processes and the commands share the machine with the callers.
      await delay(BETWEEN_CALLS_MS)
    }
  })
  return {
    served,
    failures,
    logInAgain: async () => {
      cookie = await logIn()
    },
    stop: async () => {
      ended.abort()
      await Promise.all(callers)
      await Promise.all([agent.close(), peers.close()])
    }
  }
}

/** A client that reads a configuration with a secret. */
async function makeReader(own: OwnStack): Promise<{ secret: string; value: string }> {
  const db = connect(superuserUrl(own, 'sallyport_auth_server'), 1)
  const { secret } = await admin
    .createClient(administration(db), {
      id: READER,
      grantTypes: ['client_credentials'],
      scopes: ['config:read', 'config:secrets'],
      audiences: ['configuration-server']
    })
    .finally(async () => await db.destroy())
  const value = 'canary-value-of-a-configuration'
  const errors: string[] = []
  const code = await runConfigurationCommands(
    ['set-secret', READER, 'default', 'main', 'paymentPassword'],
    {
      DATABASE_URL: readSecret(own, 'configuration-server/database-url'),
      SALLYPORT_SEALING_KEYS_FILE: join(own.directory, 'run/configuration-server/sallyport-sealing-keys')
    },
    'test',
    { out: () => {}, error: line => errors.push(line), readStdin: async () => value }
  )
  if (code !== 0) throw new Error(errors.join('\n'))
  return { secret: secret ?? '', value }
}
