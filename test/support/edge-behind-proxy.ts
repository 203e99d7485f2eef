// Real gateways and real authorization servers behind a real proxy that ends TLS, by the examples of deploy/proxies.
import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parsePrivacyKeys, type PersonalReading } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import { CHILD_ENVIRONMENT } from './child-environment.ts'
import { certificateFiles, makeAuthority } from './certificates.ts'
import { migratedDatabase, secretOf, SETTINGS } from './authorization-server.ts'
import { gatewayDatabase, until } from './edge.ts'
import { freePort } from './free-port.ts'
import { LOCAL_ROUTES, localReferences } from './local-table.ts'
import { CONFIGURATIONS, type Place, type ProxyName, startProxyWith } from './rolling-restart.ts'

/** How many gateways, and how many authorization servers, an example has. */
export type ProxyExample = 'one' | 'two'

/** Answer of the edge, read to its end. */
export interface EdgeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A browser at an address of this machine. */
export type SendFrom = (
  address: string,
  url: string,
  options?: { readonly method?: 'GET' | 'POST'; readonly headers?: Record<string, string>; readonly body?: string }
) => Promise<EdgeAnswer>

/** The edge as browsers see it. */
export interface ProxiedEdge {
  readonly shop: string
  readonly login: string
  readonly send: SendFrom
  /** Databases, as superuser. */
  readonly gatewayDb: Knex
  readonly authServerDb: Knex
  /** Open what the trails of both say of persons. */
  readonly personKeys: NonNullable<PersonalReading['keys']>
}

const SERVERS = { gateway: 'reference-gateway', authServer: 'auth-server' } as const

/** Starts everything; it ends with the test. */
export async function startProxiedEdge(t: Test, proxy: ProxyName, example: ProxyExample): Promise<ProxiedEdge> {
  const instances = example === 'one' ? 1 : 2
  const [edge = 0, ...ports] = await Promise.all(Array.from({ length: 1 + 4 * instances }, freePort))
  const placeOf = (n: number): Place => ({ port: ports[2 * n] ?? 0, operationsPort: ports[2 * n + 1] ?? 0 })
  const gateways = Array.from({ length: instances }, (_, n) => placeOf(n))
  const authServers = Array.from({ length: instances }, (_, n) => placeOf(instances + n))
  const [shop, login] = [`https://shop.example:${edge}`, `https://login.example:${edge}`]
  const authority = await makeAuthority()
  const certificate = await authority.issue({ names: ['shop.example', 'login.example', 'evil.example'] })
  const files = certificateFiles(t, certificate)
  const [authDatabase, gatewayDb] = [await migratedDatabase(t), await gatewayDatabase(t)]

  const folder = t.testdir({ 'edge.pem': `${certificate.certificate}\n${certificate.privateKey}`, run: {} })
  const configuration = exampleWith(proxy, example, { ...files, bundlePath: join(folder, 'edge.pem') }, [
    edge,
    gateways,
    authServers
  ])
  const front = startProxyWith(proxy, join(folder, 'run'), configuration)
  t.after(async () => await endNow(front))
  const personKeys = `persons-1:${randomBytes(32).toString('base64url')}`
  const common = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'production',
    SALLYPORT_AUDIT_PERSON_KEYS: personKeys,
    LOG_LEVEL: 'fatal',
    SALLYPORT_DRAIN_DELAY_MS: '0',
    SALLYPORT_ISSUER: login,
    SALLYPORT_TRUSTED_PROXIES: '127.0.0.1'
  }
  const ofAuthServer = {
    DATABASE_URL: authDatabase.url,
    SALLYPORT_SEALING_KEYS: SETTINGS.sealingKeys
  }
  const nowhere = 'https://services.sallyport.internal:1'
  const ofGateway = {
    DATABASE_URL: gatewayDb.appUrl,
    SALLYPORT_PUBLIC_ORIGINS: shop,
    SALLYPORT_CLIENT_SECRET: secretOf('gateway'),
    SALLYPORT_SEALING_KEYS: `k1:${randomBytes(32).toString('base64url')}`,
    SALLYPORT_LOGINS_PER_MINUTE: '3',
    SALLYPORT_PEER_ADDRESSES: 'login.example=127.0.0.1',
    SALLYPORT_TLS_CERTIFICATE_PATH: files.certificatePath,
    SALLYPORT_TLS_PRIVATE_KEY_PATH: files.privateKeyPath,
    SALLYPORT_TLS_CA_PATH: files.caPath,
    SALLYPORT_ROUTES_PATH: LOCAL_ROUTES,
    ...localReferences(nowhere),
    AUTH_SERVER_ORIGIN: login,
    SALLYPORT_AUTH_SERVER_ORIGIN: login
  }
  await Promise.all([
    ...authServers.map(async place => await startAt(t, SERVERS.authServer, place, { ...common, ...ofAuthServer })),
    ...gateways.map(async place => await startAt(t, SERVERS.gateway, place, { ...common, ...ofGateway }))
  ])
  await Promise.all([...gateways, ...authServers].map(isReady))
  const send = browsersBehind(t, authority.certificate)
  await until(async () => (await send('127.0.0.2', `${shop}/session`).catch(() => null))?.status === 401)
  return {
    shop,
    login,
    send,
    gatewayDb: gatewayDb.superuser,
    authServerDb: authDatabase.db,
    personKeys: parsePrivacyKeys(personKeys) ?? []
  }
}

/** The text of an example with these ports and this certificate in the place of its own. */
function exampleWith(
  proxy: ProxyName,
  example: ProxyExample,
  files: { readonly certificatePath: string; readonly privateKeyPath: string; readonly bundlePath: string },
  [edge, gateways, authServers]: readonly [number, readonly Place[], readonly Place[]]
): string {
  const places: Readonly<Record<string, number | undefined>> = {
    8443: edge,
    8080: gateways[0]?.port,
    8180: gateways[0]?.operationsPort,
    8090: gateways[1]?.port,
    8190: gateways[1]?.operationsPort,
    8081: authServers[0]?.port,
    8181: authServers[0]?.operationsPort,
    8091: authServers[1]?.port,
    8191: authServers[1]?.operationsPort
  }
  return readFileSync(join(CONFIGURATIONS, example, proxy === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf'), 'utf8')
    .replaceAll(/\b8(?:443|[01][89][01])\b/g, port => String(places[port] ?? port))
    .replaceAll('/etc/sallyport/edge.crt', files.certificatePath)
    .replaceAll('/etc/sallyport/edge.key', files.privateKeyPath)
    .replaceAll('/etc/sallyport/edge.pem', files.bundlePath)
}

async function startAt(t: Test, name: string, place: Place, environment: Record<string, string>): Promise<void> {
  const child = fork(fileURLToPath(new URL(`../../${name}/src/server.ts`, import.meta.url)), [], {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      ...CHILD_ENVIRONMENT,
      ...environment,
      PORT: String(place.port),
      SALLYPORT_OPERATIONS_PORT: String(place.operationsPort)
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  t.after(async () => await endNow(child))
  const [message] = (await once(child, 'message')) as [{ type: string }]
  if (message.type !== 'ready') throw new Error(`${name}: ${JSON.stringify(message)}`)
}

async function isReady({ operationsPort }: Place): Promise<void> {
  await until(async () => (await fetch(`http://127.0.0.1:${operationsPort}/health/ready`)).ok)
}

/** Each address has connections of its own, as each browser has. */
function browsersBehind(t: Test, ca: string): SendFrom {
  const agents = new Map<string, Agent>()
  t.after(async () => await Promise.all([...agents.values()].map(async agent => await agent.destroy())))
  const agentAt = (localAddress: string): Agent => {
    const known = agents.get(localAddress)
    if (known !== undefined) return known
    const agent = new Agent({
      localAddress,
      connections: 4,
      connect: {
        ca,
        lookup: (_name, _options, done) => {
          done(null, '127.0.0.1', 4)
        }
      }
    })
    agents.set(localAddress, agent)
    return agent
  }
  return async (address, url, options = {}) => {
    const { statusCode, headers, body } = await request(url, { ...options, dispatcher: agentAt(address) })
    return { status: statusCode, headers, text: await body.text() }
  }
}

async function endNow(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
