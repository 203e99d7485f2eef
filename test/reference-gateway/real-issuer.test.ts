// The gateway with tokens of the real authorization server, which it exchanges there, and a service that verifies them.
import { admin } from '@sallyport/auth-server'
import { createJwksKeySource, createTokenVerifier } from '@sallyport/authentication'
import type { StartTimer } from '@sallyport/security-context/mechanics'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { administration } from '../support/administration.ts'
import { claimsOf, exchange, ISSUER, login, startServer, type TestServer } from '../support/authorization-server.ts'
import { startEdge } from '../support/edge.ts'
import { fetchOf } from '../support/fetch-of.ts'

const kidOf = (jwt: string): unknown => JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid

/** Timers of a clock that the test moves. */
function timersOf(clock: () => number): { readonly start: StartTimer; readonly runDue: () => void } {
  const timers = new Set<{ readonly run: () => void; readonly atMs: number }>()
  return {
    start: (run, ms) => {
      const timer = { run, atMs: clock() + ms }
      timers.add(timer)
      return { stop: () => timers.delete(timer) }
    },
    runDue: () => {
      for (const timer of timers) {
        if (timer.atMs <= clock() && timers.delete(timer)) timer.run()
      }
    }
  }
}

/** A gateway before one service, both of which know the issuer by its key set alone. */
async function startBehindIssuer(t: Test, server: TestServer, skew: { ms: number } = { ms: 0 }) {
  const clock = (): number => server.clock.ms + skew.ms
  const timers = timersOf(clock)
  const keySource = () => {
    const keys = createJwksKeySource({
      jwksUri: `${ISSUER}/oauth2/jwks`,
      fetch: async (url, options) => await fetchOf(server.app)(url, options),
      clock,
      startTimer: timers.start
    })
    t.after(() => keys.close())
    return keys
  }
  const edge = await startEdge(t, {
    settings: { issuer: ISSUER },
    collaborators: { keys: keySource(), clock },
    tokenClient: {
      exchange: async ({ subjectToken, audience }) => {
        const { status, body, text } = await exchange(server.app, subjectToken, audience)
        if (status !== 200) throw new Error(text)
        return {
          accessToken: body.access_token,
          refreshToken: null,
          expiresInSeconds: body.expires_in,
          scope: body.scope
        }
      }
    }
  })
  const atService = createTokenVerifier({ issuer: ISSUER, audience: 'order-service', keys: keySource(), clock })
  const kids = new Set<unknown>()
  edge.orders.answer = async ({ headers }, reply) => {
    const token = headers.authorization?.replace('Bearer ', '') ?? ''
    try {
      await atService.verify(token)
    } catch {
      return await reply.code(401).send({})
    }
    kids.add(kidOf(token))
    return { ok: true }
  }
  const ask = async (token: string): Promise<number> => {
    const answer = await request(`${edge.url}/orders/1`, { headers: { authorization: `Bearer ${token}` } })
    await answer.body.dump()
    return answer.statusCode
  }
  return { ...edge, ask, kids, runDue: timers.runDue }
}

t.test('a signing key rotates under traffic without one refusal, at the edge or at the service', async t => {
  const server = await startServer(t)
  const { clock, app } = server
  const { ask, kids, runDue } = await startBehindIssuer(t, server)
  const keys = administration(server.db, () => clock.ms)
  const callers = (['customer1', 'customer2', 'admin1'] as const).map(username => ({ username, token: '' }))
  const statuses = new Map<number, number>()
  const callersKids = new Set<unknown>()

  /** Callers ask while something is done; who needs a token soon gets one before. */
  async function traffic(during: () => Promise<unknown> = async () => {}): Promise<void> {
    for (const caller of callers) {
      const endsAt = caller.token === '' ? 0 : Number(claimsOf(caller.token).exp)
      if (endsAt * 1000 - clock.ms < 90_000) caller.token = (await login(app, caller.username)).body.access_token
      callersKids.add(kidOf(caller.token))
    }
    const asked = callers.map(async ({ token }) => {
      for (let i = 0; i < 3; i++) {
        const status = await ask(token)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    })
    await Promise.all([...asked, during()])
  }
  async function pass(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 80) {
      clock.advance(Math.min(left, 80))
      runDue()
      await traffic()
    }
  }

  await traffic()
  const [old] = callersKids
  let next = ''
  await traffic(async () => {
    next = (await admin.publishKey(keys)).kid
  })
  await pass(301)
  await traffic(async () => {
    await admin.startSigning(keys, next)
  })
  await pass(662)
  await traffic(async () => {
    await admin.removeKey(keys, String(old))
  })
  await pass(81)
  t.same([...statuses.keys()], [200], `${statuses.get(200)} requests`)
  t.same([...callersKids], [old, next], 'callers came with tokens of both keys')
  t.same([...kids], [old, next], 'and so did the gateway to the service')
  const published = (await app.inject('/oauth2/jwks')).json().keys as ReadonlyArray<{ kid: string }>
  t.same(
    published.map(({ kid }) => kid),
    [next]
  )
})

t.test(
  'the tolerance for clocks holds to the second in both directions, for a known caller too, and is shown',
  async t => {
    const server = await startServer(t)
    const skew = { ms: 0 }
    const { app, ask } = await startBehindIssuer(t, server, skew)
    const { access_token: token } = (await login(server.app)).body
    const [issuedAt, endsAt] = [Number(claimsOf(token).iat), Number(claimsOf(token).exp)]
    const at = async (seconds: number): Promise<number> => {
      skew.ms = seconds * 1000 - server.clock.ms
      return await ask(token)
    }
    t.equal(await at(issuedAt - 6), 401, 'issued in the future')
    t.equal(await at(issuedAt - 5), 200)
    t.equal(await at(endsAt + 4.999), 200, 'known, and within the tolerance')
    t.equal(await at(endsAt + 5), 401, 'known, and over')
    const { body } = await app.operations.inject('/metrics')
    t.match(body, /^sallyport_clock_tolerance_seconds\{process="reference-gateway"\} 5$/m)
  }
)
