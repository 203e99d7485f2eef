// Gateways in processes of their own over one store of sessions, and an issuer that ends a session whose refresh token
// comes twice: what happens when a session expires under load while something goes wrong.
import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { issuerKey, signToken } from '@sallyport/testing'
import { Agent, request } from 'undici'
import { freePort } from './free-port.ts'

const PROGRAM = fileURLToPath(new URL('../../reference-gateway/bin/sallyport-gateway.mjs', import.meta.url))
const GATEWAYS = 3
const SECRET = 'secret-secret-secret-secret-secret'
/** Longer than the token client waits for an answer. */
const LEASE_MS = 6000
const ROUTES = 'upstreams:\n  orders: { origin: https://orders.example }\nroutes: []\n'

/** What goes wrong in the middle. */
export const DISTURBANCES = Object.freeze({
  nothing: 'one refresh at three gateways',
  'holder-stopped': 'the holder is stopped (SIGSTOP) while the issuer answers, and goes on',
  'request-cut': 'the connections to the issuer are cut before it has the request',
  'answer-cut': 'the answer of an issuer that repeats itself is cut',
  'holder-killed': 'the holder is killed before the issuer has the request'
})

/** One of them. */
export type Disturbance = keyof typeof DISTURBANCES

/** What came of one storm. */
export interface StormResult {
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<number, number>>
  /** How often the issuer redeemed the refresh token of the session. */
  readonly redemptions: number
  /** Whether the session is there afterwards, at each gateway that lives. */
  readonly isAlive: boolean
}

/** Gateways that can be disturbed. */
export interface StormyGateways {
  /** Logs in, waits until the token has expired, and asks all gateways at once. */
  readonly storm: (disturbance: Disturbance, requests: number) => Promise<StormResult>
  readonly close: () => Promise<void>
}

interface Family {
  readonly used: Set<string>
  redemptions: number
  isOver: boolean
}

/** A refresh that the issuer has got and not answered. */
interface HeldRefresh {
  readonly gateway: number
  readonly answer: () => void
  readonly cut: () => void
  /** Redeems the token and says nothing. */
  readonly redeem: () => void
}

/** @param store settings of the gateways that name their store */
export async function startStormyGateways(store: Readonly<Record<string, string>>): Promise<StormyGateways> {
  const issuer = await startStrictIssuer()
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-storm-'))
  const routes = join(directory, 'gateway.yaml')
  writeFileSync(routes, ROUTES)
  const environment = {
    ...store,
    PATH: process.env['PATH'] ?? '',
    PORT: '0',
    LOG_LEVEL: 'fatal',
    SALLYPORT_OPERATIONS_PORT: '0',
    SALLYPORT_DRAIN_DELAY_MS: '0',
    SALLYPORT_CLOCK_TOLERANCE_SECONDS: '0',
    SALLYPORT_ROUTES_PATH: routes,
    SALLYPORT_ISSUER: issuer.origin,
    SALLYPORT_CLIENT_SECRET: SECRET,
    SALLYPORT_SEALING_KEYS: `k1:${randomBytes(32).toString('base64url')}`,
    SALLYPORT_REFRESH_LEASE_MS: String(LEASE_MS),
    SALLYPORT_LOGINS_PER_MINUTE: '1000'
  }
  const start = async (): Promise<RunningGateway> => await startGateway(environment)
  const gateways: RunningGateway[] = []
  try {
    for (let count = 0; count < GATEWAYS; count++) gateways.push(await start())
  } catch (error) {
    for (const { child } of gateways) child.kill('SIGKILL')
    await issuer.close()
    throw error
  }
  const agent = new Agent({ connections: 128, headersTimeout: 120_000, bodyTimeout: 120_000 })

  async function ask(gateway: number, cookie: string): Promise<number> {
    const url = `${gateways[gateway]?.url ?? ''}/session`
    const headers = { cookie, accept: 'application/json', 'user-agent': `gateway-${gateway}` }
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent, headers })
      await body.dump()
      return statusCode
    } catch {
      // Of a gateway that was killed.
      return 0
    }
  }

  async function logIn(tries = 3): Promise<string> {
    const answer = await request(`${gateways[0]?.url ?? ''}/login`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'customer1', password: 'password' })
    })
    const text = await answer.body.text()
    // The first token lives for a second, which may be over on a busy machine before the gateway looks at it.
    if (answer.statusCode === 503 && tries > 1) return await logIn(tries - 1)
    if (answer.statusCode !== 200) throw new Error(`the login answered ${answer.statusCode}: ${text}`)
    return String(answer.headers['set-cookie']).split(';')[0] ?? ''
  }

  async function disturb(disturbance: Disturbance): Promise<void> {
    const held = await issuer.held()
    const child = gateways[held.gateway]?.child
    switch (disturbance) {
      case 'nothing':
        held.answer()
        break
      case 'holder-stopped':
        child?.kill('SIGSTOP')
        await delay(50)
        held.answer()
        await delay(1000)
        child?.kill('SIGCONT')
        break
      case 'request-cut':
        held.cut()
        issuer.answerAll()
        break
      case 'answer-cut':
        issuer.repeatsItself = true
        held.redeem()
        held.cut()
        issuer.answerAll()
        break
      case 'holder-killed':
        child?.kill('SIGKILL')
        held.cut()
        issuer.answerAll()
        await once(child ?? process, 'exit')
        gateways[held.gateway] = await start()
    }
  }

  return {
    async storm(disturbance, requests) {
      issuer.repeatsItself = false
      issuer.holdNext()
      const cookie = await logIn()
      await delay(issuer.firstLifeMs + 100)
      const answers = Array.from({ length: requests }, async (_, at) => await ask(at % GATEWAYS, cookie))
      await disturb(disturbance)
      const statuses: Record<number, number> = {}
      for (const status of await Promise.all(answers)) statuses[status] = (statuses[status] ?? 0) + 1
      const isAlive = await livesAgain(cookie)
      return { statuses, redemptions: issuer.redemptions(), isAlive }
    },
    close: async () => {
      for (const { child } of gateways) child.kill('SIGKILL')
      await agent.destroy()
      await issuer.close()
      rmSync(directory, { recursive: true, force: true })
    }
  }

  /** Right away, or once the lease of a holder that died has run out. */
  async function livesAgain(cookie: string): Promise<boolean> {
    for (let tries = 0; tries < 40; tries++) {
      const statuses = await Promise.all(gateways.map(async (_, at) => await ask(at, cookie)))
      if (statuses.includes(401)) return false
      if (statuses.every(status => status === 200)) return true
      await delay(LEASE_MS / 10)
    }
    return false
  }
}

interface RunningGateway {
  readonly child: ChildProcess
  readonly url: string
}

async function startGateway(environment: NodeJS.ProcessEnv): Promise<RunningGateway> {
  const child = fork(PROGRAM, ['start'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: environment
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (log += String(chunk)))
  const [message]: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (typeof message === 'object' && message !== null && 'url' in message && typeof message.url === 'string') {
    return { child, url: message.url }
  }
  throw new Error(`the gateway did not start:\n${log}`)
}

/** An issuer that holds refreshes until it is told what becomes of them. */
async function startStrictIssuer() {
  const key = issuerKey('ES256', 'k1')
  const families = new Map<string, Family>()
  const held: HeldRefresh[] = []
  let latest: Family | null = null
  let holds = false
  const origin = `http://127.0.0.1:${await freePort()}`

  const self = {
    origin,
    firstLifeMs: 1000,
    repeatsItself: false,
    holdNext: () => {
      holds = true
    },
    answerAll: () => {
      holds = false
    },
    redemptions: () => latest?.redemptions ?? 0,
    held: async (): Promise<HeldRefresh> => {
      while (held.length === 0) await delay(2)
      holds = false
      const [first, ...others] = held.splice(0)
      for (const other of others) other.answer()
      if (first === undefined) throw new Error('nothing is held')
      return first
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }

  function tokens(refreshToken: string, lifeSeconds: number): object {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: origin, aud: 'sallyport-gateway', sub: 'person-1', client_id: 'gateway', jti: randomUUID() }
    const accessToken = signToken(
      key,
      { ...claims, iat: now, exp: now + lifeSeconds, scope: '', roles: [] },
      { typ: 'at+jwt' }
    )
    return { access_token: accessToken, token_type: 'Bearer', expires_in: lifeSeconds, refresh_token: refreshToken }
  }

  const successors = new Map<string, string>()
  function redeem(refreshToken: string): object | null {
    const family = families.get(refreshToken)
    if (family === undefined || family.isOver) return null
    family.redemptions++
    const repeated = successors.get(refreshToken)
    if (family.used.has(refreshToken)) {
      if (self.repeatsItself && repeated !== undefined) return tokens(repeated, 300)
      family.isOver = true
      return null
    }
    family.used.add(refreshToken)
    const successor = randomUUID()
    families.set(successor, family)
    successors.set(refreshToken, successor)
    return tokens(successor, 300)
  }

  function answerToken(form: URLSearchParams, response: ServerResponse): void {
    if (form.get('grant_type') === 'password') {
      latest = { used: new Set(), redemptions: 0, isOver: false }
      const first = randomUUID()
      families.set(first, latest)
      reply(response, 200, tokens(first, self.firstLifeMs / 1000))
      return
    }
    const refreshToken = form.get('refresh_token') ?? ''
    const answer = (): void => {
      const redeemed = redeem(refreshToken)
      reply(response, redeemed === null ? 400 : 200, redeemed ?? { error: 'invalid_grant' })
    }
    if (!holds) answer()
    else {
      const gateway = Number(form.get('user_agent')?.split('-')[1] ?? 0)
      held.push({
        gateway,
        answer,
        cut: () => response.destroy(),
        redeem: () => {
          redeem(refreshToken)
        }
      })
    }
  }

  const server = createServer((incoming, response) => {
    let text = ''
    incoming.on('data', chunk => (text += String(chunk)))
    incoming.on('end', () => {
      if (incoming.url?.startsWith('/.well-known/') === true) {
        reply(response, 200, {
          issuer: origin,
          token_endpoint: `${origin}/token`,
          jwks_uri: `${origin}/jwks`,
          revocation_endpoint: `${origin}/revoke`
        })
      } else if (incoming.url === '/jwks') reply(response, 200, { keys: [key.jwk] })
      else if (incoming.url === '/token') answerToken(new URLSearchParams(text), response)
      else reply(response, 200, {})
    })
  })
  server.listen(Number(new URL(origin).port), '127.0.0.1')
  await once(server, 'listening')
  return self
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
