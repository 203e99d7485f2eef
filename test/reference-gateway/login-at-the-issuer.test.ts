// The gateway and the authorization server of the project, with a browser that goes from one to the other.
import { createJwksKeySource } from '@sallyport/authentication'
import type { GatewaySettings } from '@sallyport/reference-gateway'
import { createLoginClient, createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import type { ForwardedRouteOptions } from '@sallyport/forwarding'
import t, { type Test } from 'tap'
import type { LightMyRequestResponse } from 'fastify'
import { claimsOf, secretOf, startServer, type TestServer } from '../support/authorization-server.ts'
import { browser, credentialsOf } from '../support/browser.ts'
import { failures, oneRoute, startEdge, type Edge } from '../support/edge.ts'
import { freePort } from '../support/free-port.ts'

const EDGE_HOST = { host: '127.0.0.1' }
const NAVIGATION = {
  accept: 'text/html,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none'
}

interface Stack {
  readonly edge: Edge
  readonly server: TestServer
  /** What the gateway had exchanged. */
  readonly subjectTokens: string[]
}

async function startStack(
  t: Test,
  route: Partial<ForwardedRouteOptions> = {},
  more: Partial<GatewaySettings> = {}
): Promise<Stack> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const server = await startServer(t, { issuer })
  await server.app.listen({ port, host: '127.0.0.1' })
  const keys = createJwksKeySource({ jwksUri: `${issuer}/oauth2/jwks` })
  t.teardown(() => keys.close())
  const client = {
    metadata: async () => await discoverMetadata({ issuer }),
    clientId: 'gateway',
    clientSecret: secretOf('gateway'),
    clock: () => server.clock.ms
  }
  const tokenClient = createTokenClient(client)
  const subjectTokens: string[] = []
  const edge = await startEdge(t, {
    settings: { issuer, loginScopes: ['openid', 'profile', 'orders:read'], ...more },
    table: oneRoute(route),
    collaborators: {
      keys,
      tokenClient: {
        ...tokenClient,
        exchange: async asked => {
          subjectTokens.push(asked.subjectToken)
          return await tokenClient.exchange(asked)
        }
      },
      loginClient: createLoginClient(client),
      clock: () => server.clock.ms
    }
  })
  return { edge, server, subjectTokens }
}

/** A browser at both: the authorization server shows its pages, the gateway gets it back. */
function visitor({ edge, server }: Stack) {
  const [atEdge, atIssuer] = [browser(edge.app), browser(server.app)]
  atEdge.headers = { ...NAVIGATION, ...EDGE_HOST }
  const pathOf = (location: unknown): string => {
    const { pathname, search } = new URL(String(location))
    return pathname + search
  }
  return {
    atEdge,
    atIssuer,
    /** From the redirect to the issuer back to the gateway. */
    async logIn(begun: LightMyRequestResponse): Promise<LightMyRequestResponse> {
      let answer = await atIssuer.get(pathOf(begun.headers.location))
      if (answer.body.includes('name="password"')) answer = await atIssuer.submit(answer, credentialsOf('customer1'))
      return await atEdge.get(pathOf(answer.headers.location))
    }
  }
}

t.test('S-14: a browser that opens a page is sent to the login, logs in once, and is there', async t => {
  const stack = await startStack(t)
  const { edge, server } = stack
  const { atEdge, logIn } = visitor(stack)
  const asked = await atEdge.get('/orders/7?full=1')
  t.equal(asked.statusCode, 303)
  t.equal(asked.headers.location, '/login?returnTo=%2Forders%2F7%3Ffull%3D1')
  t.equal(asked.headers['www-authenticate'], undefined, 'no dialog for a password')
  const begun = await atEdge.get(asked.headers.location ?? '')
  t.match(begun.headers.location, /\?client_id=gateway&request_uri=urn/, 'pushed')
  const ended = await logIn(begun)
  t.equal(ended.headers.location, '/orders/7?full=1')
  t.equal((await atEdge.get('/orders/7?full=1')).statusCode, 200)
  const token = String(edge.orders.received.at(-1)?.headers.authorization).slice('Bearer '.length)
  const signedInAt = Math.floor(server.clock.ms / 1000)
  t.match(claimsOf(token), { aud: 'order-service', auth_time: signedInAt, amr: ['pwd'] }, 'exchanged, and says how')

  server.clock.advance(290)
  t.equal((await atEdge.get('/orders/7')).statusCode, 200)
  const refreshed = String(edge.orders.received.at(-1)?.headers.authorization).slice('Bearer '.length)
  t.match(claimsOf(refreshed), { auth_time: signedInAt })
  t.not(claimsOf(refreshed)['jti'], claimsOf(token)['jti'])

  const { rows } = await server.db.raw('select user_agent, source_address from sessions where sign_in_id is not null')
  t.match(rows, [{ source_address: '127.0.0.1' }])
  t.match(
    (await edge.db('audit_events').where({ action: 'session.login' })).map(({ outcome, subject }) => [
      outcome,
      subject
    ]),
    [['success', '00000000-0000-4000-8000-000000000001']]
  )
  const denied = failures(edge.events).filter(text => text.includes(' denied '))
  t.same(denied, ['authentication denied required'], 'only the first request was refused')
})

t.test(
  'an API call gets 401 with the address of the login, whatever else it says, and is never redirected',
  async t => {
    const { edge } = await startStack(t)
    const calls: ReadonlyArray<Record<string, string>> = [
      {},
      { accept: '*/*' },
      { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { accept: 'text/html', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      { accept: 'text/html;q=0', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
      { accept: 'text/html', 'x-requested-with': 'XMLHttpRequest' }
    ]
    for (const headers of calls) {
      const answer = await edge.app.inject({ url: '/orders/7', headers: { ...EDGE_HOST, ...headers } })
      t.equal(answer.statusCode, 401, JSON.stringify(headers))
      t.match(answer.json(), { code: 'SALLYPORT_AUTHENTICATION_REQUIRED', login: '/login' })
    }
    for (const method of ['POST', 'HEAD', 'DELETE'] as const) {
      const answer = await edge.app.inject({ method, url: '/orders', headers: { ...EDGE_HOST, ...NAVIGATION } })
      t.equal(answer.statusCode, 401, method)
    }
    const bearer = await edge.app.inject({
      url: '/orders/7',
      headers: { ...EDGE_HOST, ...NAVIGATION, authorization: 'Bearer x' }
    })
    t.equal(bearer.statusCode, 401, 'who brings another credential is told of that')
    t.equal(bearer.json<{ login?: unknown }>().login, undefined)
  }
)

t.test('a session that has ended leads a browser to the login and back', async t => {
  const stack = await startStack(t)
  const { atEdge, logIn } = visitor(stack)
  await logIn(await atEdge.get('/login'))
  const cookies = [...atEdge.cookies]
  stack.server.clock.advance(8 * 24 * 3600)
  const answer = await atEdge.get('/orders/7')
  t.equal(answer.statusCode, 303)
  t.equal(answer.headers.location, '/login?returnTo=%2Forders%2F7')
  t.equal(cookies.length, 2)
  t.same([...atEdge.cookies.keys()], [], 'the cookies of the session that ended go')
})

t.test('parameters that the settings add to logins can be none that a login sets itself', async t => {
  const { edge } = await startStack(t, {}, { loginParameters: ['audience=https://api.example?a=b'] })
  t.ok(edge.app.hasRoute({ method: 'GET', url: '/login' }))
  await t.rejects(startStack(t, {}, { loginParameters: ['client_id=other'] }), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID'
  })
})

t.test('a route of the file that is one of the login fails the boot', async t => {
  await t.rejects(
    startEdge(t, {
      settings: { loginScopes: ['openid'] },
      table: oneRoute({ path: '/login/callback', methods: ['GET'] }),
      collaborators: {
        loginClient: {
          issuer: async () => ({}) as never,
          authorizationUrl: async () => '',
          redeem: async () => ({}) as never
        }
      }
    }),
    /\/login\/callback is a route of the app itself/
  )
})

t.test('S-15: a route of the file that asks for a recent login has a browser log in again', async t => {
  const stack = await startStack(t, { stepUp: { maxAgeSeconds: 300 } })
  const { atEdge, atIssuer, logIn } = visitor(stack)
  await logIn(await atEdge.get('/login'))
  t.equal((await atEdge.get('/orders/7')).statusCode, 200)
  stack.server.clock.advance(400)
  const asked = await atEdge.get('/orders/7')
  t.equal(asked.headers.location, '/login?returnTo=%2Forders%2F7&max_age=300')
  const begun = await atEdge.get(String(asked.headers.location))
  const { pathname, search } = new URL(String(begun.headers.location))
  t.match((await atIssuer.get(pathname + search)).body, 'name="password"', 'the sign-in there is too old as well')
  t.equal((await logIn(begun)).headers.location, '/orders/7')
  t.equal((await atEdge.get('/orders/7')).statusCode, 200)
})

t.test('S-16: a logout ends the session here, asks the person at the issuer, and comes back', async t => {
  const stack = await startStack(t)
  const { atEdge, atIssuer, logIn } = visitor(stack)
  await logIn(await atEdge.get('/login'))
  const left = await atEdge.post('/logout', { returnTo: '/orders/7' })
  t.equal(left.statusCode, 303)
  t.equal(atEdge.cookies.size, 0)
  const { pathname, search, searchParams } = new URL(String(left.headers.location))
  t.match(searchParams.get('logout_hint'), /^[0-9a-f-]{36}$/, 'names the session')
  const asked = await atIssuer.get(pathname + search)
  t.match(asked.body, 'Log out?')
  const confirmed = await atIssuer.submit(asked, {})
  const back = new URL(String(confirmed.headers.location))
  t.equal(back.origin + back.pathname, 'http://127.0.0.1/logout/callback')
  t.equal((await atEdge.get(back.pathname + back.search)).headers.location, '/orders/7')
  const again = await atEdge.get('/login')
  const page = new URL(String(again.headers.location))
  t.match((await atIssuer.get(page.pathname + page.search)).body, 'name="password"', 'nobody is signed in there')
  const once = await atIssuer.get(pathname + search)
  t.equal(once.statusCode, 303, 'who is logged out there already is led back at once')
})

t.test('S-19: tokens of a bound session are exchanged and renewed at our server, and worth nothing alone', async t => {
  const stack = await startStack(t, {}, { loginDpop: true })
  const { edge, server, subjectTokens } = stack
  const { atEdge, logIn } = visitor(stack)
  t.equal((await logIn(await atEdge.get('/login?returnTo=/orders/7'))).statusCode, 303)
  t.equal((await atEdge.get('/orders/7')).statusCode, 200)
  const received = edge.orders.received.at(-1)?.headers
  t.match(received?.authorization, /^Bearer /, 'the exchanged token is for the gateway to send')
  t.equal(received?.dpop, undefined)
  server.clock.advance(290)
  t.equal((await atEdge.get('/orders/7')).statusCode, 200)
  const [first = '', renewed = ''] = subjectTokens
  t.not(renewed, first)
  t.match(claimsOf(first), { cnf: { jkt: /^[\w-]{43}$/ } })
  t.same(claimsOf(renewed).cnf, claimsOf(first).cnf)
  for (const authorization of [`Bearer ${renewed}`, `DPoP ${renewed}`]) {
    const stolen = await edge.app.inject({ url: '/orders/7', headers: { ...EDGE_HOST, authorization } })
    t.equal(stolen.statusCode, 401)
  }
})

t.test('the pages of the web client work for a session whose tokens are bound to its key', async t => {
  const stack = await startStack(t, {}, { loginDpop: true, webClient: true })
  const { edge, server, subjectTokens } = stack
  const { atEdge, logIn } = visitor(stack)
  await logIn(await atEdge.get('/login?returnTo=/app/orders/7'))
  t.equal((await atEdge.get('/app/orders/7')).statusCode, 200)
  edge.orders.answer = () => ({ orderId: '7', state: 'APPROVED' })
  t.match((await atEdge.get('/app/orders/7/events')).body, /^retry: 5000\n\nevent: state\n/)
  server.clock.advance(290)
  t.equal((await atEdge.get('/app/orders/7')).statusCode, 200)
  t.equal(new Set(subjectTokens).size, 2, 'renewed')
  t.equal((await atEdge.post('/app/orders/7/cancel', {})).statusCode, 303)
  t.match(edge.orders.received.at(-1), { method: 'POST', url: '/orders/7/cancel' })
})
