import { createTokenClient } from '@sallyport/token-exchange'
import { paceRefreshes } from '../../../plugins/token-exchange/src/pace-refreshes.ts'
import { frozenTimers } from '@sallyport/testing'
import t from 'tap'
import { MockAgent } from 'undici'
import { TOKEN_ANSWER } from '../../support/fake-authorization-server.ts'

const metadata = {
  issuer: 'https://issuer.example',
  tokenEndpoint: 'https://issuer.example/token',
  jwksUri: null,
  revocationEndpoint: null,
  introspectionEndpoint: null,
  authorizationEndpoint: null,
  mtlsEndpointAliases: {}
}

t.test('ten thousand sessions that end together cost the issuer the configured rate and no more', async t => {
  let nowMs = 0
  const timers: { readonly dueMs: number; readonly run: () => void }[] = []
  const arrivals: number[] = []
  const perSecond = 200
  const waitForTurn = paceRefreshes(
    { perSecond, maxWaitMs: 40_000 },
    {
      clock: () => nowMs,
      startTimer: (run, delayMs) => {
        timers.push({ dueMs: nowMs + delayMs, run })
        return { stop: () => {} }
      }
    }
  )
  const sessions = 10_000
  let due = sessions
  let refused = 0
  // Whoever is refused asks again when its time is over, as the next request of its browser does.
  for (let round = 0; due > 0 && round < 10; round++) {
    let left = 0
    const asked = Array.from({ length: due }, async () => {
      try {
        await waitForTurn()
        arrivals.push(nowMs)
      } catch (error) {
        if ((error as { code: string }).code !== 'SALLYPORT_TOKEN_THROTTLED') throw error
        left++
      }
    })
    const begunMs = nowMs
    await Promise.resolve()
    for (const { dueMs, run } of timers.splice(0)) {
      nowMs = dueMs
      run()
      await Promise.resolve()
      await Promise.resolve()
    }
    await Promise.all(asked)
    nowMs = Math.max(nowMs, begunMs + 41_000)
    refused += left
    due = left
  }
  t.equal(arrivals.length, sessions, 'each session is refreshed once')
  const first = arrivals.map((atMs, index) => atMs - (arrivals[index - perSecond] ?? Number.NEGATIVE_INFINITY))
  t.ok(Math.min(...first) >= 1000, `no second has more than ${perSecond}`)
  t.ok(refused > 0, 'whoever would wait too long is told when to come back')
})

t.test('whoever comes alone does not wait, and a wait that would be too long is refused with its length', async t => {
  const { advance, waiting, ...time } = frozenTimers(0)
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.after(() => agent.close())
  agent
    .get('https://issuer.example')
    .intercept({ path: '/token', method: 'POST' })
    .reply(200, () => TOKEN_ANSWER)
    .persist()
  const refreshPace = { perSecond: 0.5, maxWaitMs: 0 }
  const client = createTokenClient({
    metadata,
    clientId: 'a',
    clientSecret: 's',
    dispatcher: agent,
    refreshPace,
    ...time
  })
  await client.refresh({ refreshToken: 'one' })
  await t.rejects(client.refresh({ refreshToken: 'two' }), {
    code: 'SALLYPORT_TOKEN_THROTTLED',
    statusCode: 429,
    retryAfterSeconds: 2
  })
  await client.clientCredentials({})
  await advance(2000)
  await client.refresh({ refreshToken: 'two' })
  t.equal(waiting(), 0)
  t.throws(() => createTokenClient({ metadata, clientId: 'a', clientSecret: 's', refreshPace: { perSecond: 0 } }), {
    code: 'SALLYPORT_TOKEN_OPTIONS_INVALID',
    message: /refreshPace.perSecond/
  })
})
