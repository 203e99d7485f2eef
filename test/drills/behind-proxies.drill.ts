// The examples of deploy/proxies before real gateways and authorization servers; what is not installed is skipped.
import t, { type Test } from 'tap'
import { authorizeUrl, formOf, pkce, requestOf } from '../support/browser.ts'
import { FACTS } from '../support/authorization-server.ts'
import { startProxiedEdge, type EdgeAnswer, type ProxiedEdge } from '../support/edge-behind-proxy.ts'
import { isInstalled } from '../support/rolling-restart.ts'
import { openTrailRows } from '../support/trail-rows.ts'

const [ALICE, BOB, MALLORY, TRUDY] = ['127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14'] as const
/** What a client says of itself, and nobody believes. */
const FORGED = {
  'x-forwarded-for': '203.0.113.1:9, 127.0.0.1',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'http',
  'x-real-ip': '203.0.113.1'
}
const LOGIN_PAGE = authorizeUrl(requestOf(pkce().challenge))

t.setTimeout(240_000)
for (const proxy of ['nginx', 'haproxy'] as const) {
  const skip = isInstalled(proxy) ? false : `${proxy} is not installed here (apt-get install ${proxy})`
  for (const example of ['one', 'two'] as const) {
    t.test(`${proxy} before ${example} of each`, { skip, timeout: 120_000 }, async t => {
      const edge = await startProxiedEdge(t, proxy, example)
      await t.test('cookies are for TLS and for this host alone, and every gateway knows them', cookies(edge))
      await t.test('the trail of both has the address of the end user', addresses(edge))
      await t.test('who guesses at the login page stops nobody else', guesses(edge))
      await t.test('who logs in too often at the gateway stops nobody else', logins(edge))
      await t.test('other hosts are refused, by whomever they reach', hosts(edge))
    })
  }
}

const { password } = FACTS.users.customer1

async function logIn({ shop, send }: ProxiedEdge, address: string, secret: string, name = 'customer1') {
  return await send(address, `${shop}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...FORGED },
    body: JSON.stringify({ username: name, password: secret })
  })
}

const cookiesIn = ({ headers }: EdgeAnswer): string[] => [headers['set-cookie'] ?? []].flat()
const cookieHeader = (answer: EdgeAnswer): string =>
  cookiesIn(answer)
    .map(cookie => cookie.split(';', 1)[0])
    .join('; ')

function cookies(edge: ProxiedEdge) {
  return async (t: Test) => {
    const answer = await logIn(edge, ALICE, password)
    t.equal(answer.status, 200, answer.text)
    for (const cookie of cookiesIn(answer)) t.match(cookie, /^__Host-sallyport-\w+=[^;]+;.*Path=\/;.*Secure/)
    t.equal(cookiesIn(answer).length, 2)
    t.match(answer.headers['strict-transport-security'], /^max-age=/)
    for (let n = 0; n < 4; n++) {
      const session = await edge.send(ALICE, `${edge.shop}/session`, { headers: { cookie: cookieHeader(answer) } })
      t.equal(session.status, 200, 'at whichever gateway')
    }
    const page = await edge.send(ALICE, `${edge.login}${LOGIN_PAGE}`)
    t.match(cookiesIn(page)[0], /^__Host-sallyport_browser=.*Secure/)
    t.match(page.headers['strict-transport-security'], /^max-age=/)
    const change = async (origin: string) =>
      (
        await edge.send(ALICE, `${edge.shop}/logout`, {
          method: 'POST',
          headers: { cookie: cookieHeader(answer), origin }
        })
      ).status
    t.equal(await change('https://evil.example'), 403, 'a foreign page')
    t.equal(await change(edge.shop), 204, 'our own')
  }
}

function addresses(edge: ProxiedEdge) {
  return async (t: Test) => {
    t.equal((await logIn(edge, BOB, password)).status, 200)
    await enter(edge, BOB, 'customer2', FACTS.users.customer2.password)
    for (const [db, action] of [
      [edge.gatewayDb, 'session.login'],
      [edge.authServerDb, 'session.start'],
      [edge.authServerDb, 'sign-in.start']
    ] as const) {
      const rows = await openTrailRows(db, await db('audit_events'), { keys: edge.personKeys })
      const actions = rows.filter(row => row.source_address === BOB).map(row => row.action)
      t.ok(actions.includes(action), `${action} is one of ${actions.join()}`)
    }
    for (const db of [edge.gatewayDb, edge.authServerDb]) {
      const rows = await openTrailRows(db, await db('audit_events'), { keys: edge.personKeys })
      t.same(
        rows.filter(row => row.source_address?.startsWith('203.0.113.1')),
        []
      )
    }
  }
}

/** One try at the login page of the authorization server. */
async function enter({ login, send }: ProxiedEdge, address: string, username: string, secret: string) {
  const page = await send(address, `${login}${LOGIN_PAGE}`, { headers: FORGED })
  const { action, values } = formOf(page.text)
  return await send(address, login + action, {
    method: 'POST',
    headers: {
      ...FORGED,
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      cookie: cookieHeader(page)
    },
    body: new URLSearchParams({ ...values, username, password: secret }).toString()
  })
}

function guesses(edge: ProxiedEdge) {
  return async (t: Test) => {
    for (let n = 0; n < 51; n++) await enter(edge, MALLORY, `nobody${n}`, 'guess')
    t.equal((await enter(edge, MALLORY, 'customer1', password)).status, 429, 'with the right password too')
    t.match((await enter(edge, ALICE, 'customer1', password)).status, 200)
  }
}

function logins(edge: ProxiedEdge) {
  return async (t: Test) => {
    const statuses: number[] = []
    // Each gateway counts for itself.
    for (let n = 0; n < 7; n++) statuses.push((await logIn(edge, TRUDY, 'guess', `nobody${n}`)).status)
    t.equal(statuses.at(0), 401)
    t.equal(statuses.at(-1), 429)
    t.equal((await logIn(edge, ALICE, password)).status, 200)
  }
}

function hosts(edge: ProxiedEdge) {
  return async (t: Test) => {
    const stranger = await edge.send(ALICE, `${edge.shop}/session`, { headers: { host: 'evil.example' } })
    t.match([stranger.status, stranger.text], [421, /SALLYPORT_GATEWAY_HOST_REFUSED/])
    const misnamed = await edge.send(ALICE, `${edge.login}${LOGIN_PAGE}`, { headers: { host: 'login.example:1' } })
    t.match([misnamed.status, misnamed.text], [421, /SALLYPORT_AUTH_SERVER_HOST_REFUSED/])
  }
}
