// Sessions in a store, ended by the issuer: the authorization server of the project, and npm oidc-provider.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { admin } from '@sallyport/auth-server'
import { createJwksKeySource } from '@sallyport/authentication'
import { memorySessionStore, postgresSessionStore } from '@sallyport/authentication/session-stores'
import { createLoginClient, createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import t, { type Test } from 'tap'
import { administration } from '../support/administration.ts'
import { secretOf, startServer } from '../support/authorization-server.ts'
import { browser, credentialsOf } from '../support/browser.ts'
import { gatewayDatabase, oneRoute, startEdge, type Edge } from '../support/edge.ts'
import { freePort } from '../support/free-port.ts'
import { fetchingBrowser } from './support/fetching-browser.ts'
import { RESOURCE, startOidcIssuer } from '../support/oidc-issuer.ts'

const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const SCRIPT = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
const SECRET = 'web-secret-web-secret-web-secret-web'
const STORED = { sessionStore: 'postgres', backchannelLogout: true } as const

const pathOf = (location: unknown): string => {
  const { pathname, search } = new URL(String(location))
  return pathname + search
}

/** Where the issuer is told to post, before it is known where the edge listens. */
async function relayTo(t: Test, edge: () => Edge): Promise<string> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const headers = { 'content-type': request.headers['content-type'], host: '127.0.0.1' }
      edge()
        .app.inject({ method: 'POST', url: request.url ?? '', headers, payload: Buffer.concat(parts) })
        .then(
          answer => response.writeHead(answer.statusCode).end(answer.body),
          () => response.destroy()
        )
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

t.test(
  'S-18: our authorization server ends sessions here, and a logout here names the login by its id_token',
  async t => {
    const runs: Array<() => Promise<void>> = []
    const schedule = (run: () => Promise<void>) => {
      runs.push(run)
      return { stop: () => {} }
    }
    const port = await freePort()
    const issuer = `http://127.0.0.1:${port}`
    const server = await startServer(t, { issuer }, { logoutDelivery: { timeoutMs: 20_000, schedule } })
    await server.app.listen({ port, host: '127.0.0.1' })
    const keys = createJwksKeySource({ jwksUri: `${issuer}/oauth2/jwks` })
    t.teardown(() => keys.close())
    const client = {
      metadata: async () => await discoverMetadata({ issuer }),
      clientId: 'gateway',
      clientSecret: secretOf('gateway'),
      clock: () => server.clock.ms
    }
    const database = await gatewayDatabase(t)
    const edge = await startEdge(t, {
      settings: { issuer, loginScopes: ['openid', 'profile', 'orders:read'], ...STORED },
      table: oneRoute(),
      collaborators: {
        keys,
        tokenClient: createTokenClient(client),
        loginClient: createLoginClient(client),
        sessionStore: postgresSessionStore(database.app),
        clock: () => server.clock.ms
      }
    })
    await admin.setClientLogout(administration(server.db), 'gateway', {
      backchannelLogoutUri: `${edge.url}/logout/backchannel`
    })

    async function logIn() {
      const [atEdge, atIssuer] = [browser(edge.app), browser(server.app)]
      atEdge.headers = { ...NAVIGATION, host: '127.0.0.1', 'sec-fetch-site': 'same-origin' }
      const begun = await atEdge.get('/login')
      const page = await atIssuer.get(pathOf(begun.headers.location))
      const answer = await atIssuer.submit(page, credentialsOf('customer1'))
      t.equal((await atEdge.get(pathOf(answer.headers.location))).statusCode, 303)
      t.equal((await atEdge.get('/orders/7')).statusCode, 200)
      return { atEdge, atIssuer }
    }

    const { atEdge } = await logIn()
    t.equal(atEdge.cookies.size, 1)
    server.clock.advance(290)
    t.equal((await atEdge.get('/orders/7')).statusCode, 200, 'refreshed')
    const [kept] = await database.superuser('login_sessions')
    t.match(kept, { version: 2, subject: '00000000-0000-4000-8000-000000000001', issuer })
    const selector = { kind: 'session', sessionId: String(kept.issuer_session_id) } as const
    t.equal(await admin.endSessionsOf(administration(server.db), selector), 1)
    for (const run of runs) await run()
    t.equal((await atEdge.get('/orders/7')).statusCode, 303, 'to the login')
    t.same(await database.superuser('login_sessions'), [])

    const other = await logIn()
    const left = await other.atEdge.post('/logout', { returnTo: '/orders/7' })
    t.equal(left.statusCode, 303)
    t.ok(new URL(String(left.headers.location)).searchParams.get('id_token_hint'))
    const confirmed = await other.atIssuer.get(pathOf(left.headers.location))
    t.equal(confirmed.statusCode, 303, 'nobody is asked')
    t.equal((await other.atEdge.get(pathOf(confirmed.headers.location))).headers.location, '/orders/7')
  }
)

t.test('S-18: oidc-provider, which ends a session whose refresh token comes twice, ends sessions here', async t => {
  let edge: Edge | null = null
  const url = await relayTo(t, () => {
    if (edge === null) throw new Error('there is no edge yet')
    return edge
  })
  const provider = await startOidcIssuer(t, [
    {
      client_id: 'web',
      client_secret: SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [`${url}/login/callback`],
      post_logout_redirect_uris: [`${url}/logout/callback`],
      backchannel_logout_uri: `${url}/logout/backchannel`,
      backchannel_logout_session_required: true,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256'
    }
  ])
  const { issuer } = provider
  const keys = createJwksKeySource({ jwksUri: `${issuer}/jwks` })
  t.teardown(() => keys.close())
  // The issuer's clock is the machine's: this one may be ahead of it.
  let aheadMs = 0
  const client = { metadata: async () => await discoverMetadata({ issuer }), clientId: 'web', clientSecret: SECRET }
  edge = await startEdge(t, {
    settings: {
      issuer,
      audience: RESOURCE,
      loginScopes: ['openid', 'orders:read'],
      publicOrigins: [url],
      allowedHosts: ['127.0.0.1', new URL(url).host],
      ...STORED
    },
    table: oneRoute({ forward: 'token' }),
    collaborators: {
      keys,
      tokenClient: createTokenClient(client),
      loginClient: createLoginClient(client),
      sessionStore: memorySessionStore(),
      clock: () => Date.now() + aheadMs
    }
  })
  const { app } = edge
  const atIssuer = fetchingBrowser()
  const cookies = new Map<string, string>()
  const send = async (path: string, more: object = {}, headers: Record<string, string> = NAVIGATION) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await app.inject({
      url: path,
      headers: { host: new URL(url).host, ...headers, ...(cookie !== '' && { cookie }) },
      ...more
    })
    for (const { name, value, maxAge } of answer.cookies) {
      maxAge === 0 ? cookies.delete(name) : cookies.set(name, value)
    }
    return answer
  }
  const begun = await send('/login')
  const end = await atIssuer.follow(String(begun.headers.location), at => at.startsWith(url))
  t.equal((await send(end.slice(url.length))).statusCode, 303)
  for (let refreshes = 0; refreshes < 3; refreshes++) {
    aheadMs = 280_000
    const answers = await Promise.all(Array.from({ length: 10 }, async () => await send('/orders/1', {}, SCRIPT)))
    t.same(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]), 'each refresh is one')
    aheadMs = 0
  }

  const page = await (await atIssuer.get(`${issuer}/session/end?client_id=web`)).text()
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
  const confirmed = await atIssuer.post(`${issuer}/session/end/confirm`, { xsrf, logout: 'yes' })
  t.ok(confirmed.status < 400, await confirmed.text())
  const ended = await send('/orders/1', {}, SCRIPT)
  t.equal(ended.statusCode, 401)
  t.equal(ended.json<{ code: string }>().code, 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
})
