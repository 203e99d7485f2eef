// Apps that share an issuer and a store, as replicas of one gateway do.
import type { AuthenticationOptions, StoredSessionOptions } from '@sallyport/authentication'
import { memorySessionStore, type SessionStore, type StoredSession } from '@sallyport/authentication/session-stores'
import type { TokenClient } from '@sallyport/security-context'
import type { Test } from 'tap'
import { FakeIssuer } from '../../../support/fake-issuer.ts'
import { Browser, buildApp, type Changes, type TestApp } from '../../../support/session-app.ts'

export const HANDLE_COOKIE = '__Host-sallyport-session'

/** What one gateway does otherwise than the others. */
export interface GatewayChanges {
  readonly store?: Partial<SessionStore>
  readonly tokenClient?: Partial<TokenClient>
  readonly stored?: Partial<StoredSessionOptions>
  readonly session?: Partial<NonNullable<AuthenticationOptions['session']>>
  readonly addRoutes?: Changes['addRoutes']
}

/** Gateways and what they share. */
export interface Gateways {
  readonly issuer: FakeIssuer
  readonly store: SessionStore
  readonly gateways: readonly TestApp[]
  readonly browser: Browser
  /** The session of the browser, as the store has it. */
  readonly kept: () => Promise<StoredSession | null>
}

/**
 * Builds gateways and logs a browser in at the first one; its issuer ends a session whose refresh token comes twice.
 */
export async function startGateways(t: Test, changes: readonly GatewayChanges[] = [{}]): Promise<Gateways> {
  const issuer = new FakeIssuer()
  issuer.rotation = 'strict'
  const store = memorySessionStore()
  const gateways: TestApp[] = []
  for (const { store: ownStore, tokenClient, stored, session, addRoutes } of changes) {
    const gateway = await buildApp(t, {
      issuer,
      session: {
        tokenClient: { ...issuer.tokenClient, ...tokenClient },
        stored: { store: { ...store, ...ownStore }, schedule: () => ({ stop: () => {} }), ...stored },
        ...session
      },
      ...(addRoutes !== undefined && { addRoutes })
    })
    gateways.push(gateway)
  }
  const [first] = gateways
  if (first === undefined) throw new Error('there is no gateway')
  const browser = new Browser(first.app)
  const login = await browser.logIn()
  if (login.statusCode !== 200) throw new Error(`login answered ${login.statusCode}: ${login.body}`)
  const kept = async (): Promise<StoredSession | null> => {
    const owner = { issuer: 'https://issuer.example', subject: 'subject-of-customer1' }
    return (await store.listOfOwner(owner, issuer.nowMs, 1))[0] ?? null
  }
  return { issuer, store, gateways, browser, kept }
}

/** Asks a gateway for something of the browser's session. */
export async function askOrders({ app }: TestApp, browser: Browser, url = '/orders') {
  return await app.inject({ url, headers: { cookie: browser.cookieHeader() } })
}

/** A gateway by its place, from 0 on. */
export function gatewayAt({ gateways }: Gateways, place: number): TestApp {
  const gateway = gateways[place]
  if (gateway === undefined) throw new Error(`there is no gateway ${place}`)
  return gateway
}

/** One more gateway over the store of the others, with a store or a token client that does something else. */
export async function startGatewaySharing(
  t: Test,
  { issuer, store }: Gateways,
  ownStore: Partial<SessionStore>,
  afterRefresh: () => Promise<void> = async () => {}
): Promise<TestApp> {
  const refresh: TokenClient['refresh'] = async request => {
    const tokens = await issuer.tokenClient.refresh(request)
    await afterRefresh()
    return tokens
  }
  return await buildApp(t, {
    issuer,
    session: {
      tokenClient: { ...issuer.tokenClient, refresh },
      stored: { store: { ...store, ...ownStore }, schedule: () => ({ stop: () => {} }) }
    }
  })
}
