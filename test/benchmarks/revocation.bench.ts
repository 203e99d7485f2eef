import { setTimeout as delay } from 'node:timers/promises'
import { createJwksKeySource, createStatusListSource, createTokenVerifier } from '@sallyport/authentication'
import { AUDIENCE, ISSUER, startRealAuthServers, type RealAuthServers } from '../support/real-auth-servers.ts'
import { quantile, rounded } from './support/distribution.ts'
import type { Measurement } from './support/types.ts'

const REVOCATIONS = 100
const VERIFIERS = 3
const INSTANCES = 2
const POLL_MS = 1000
const LOOK_AGAIN_MS = 5
const SETTLED_MS = 150
const GIVE_UP_MS = 10_000

/**
 * How long a token is still accepted after the refresh token of its session was revoked: at resource servers that poll
 * the status list each second, over two instances on one PostgreSQL. Counted from the moment the revocation is sent,
 * until the last of the verifiers refuses. Beside it, how long after the answer every instance publishes the new list.
 */
export const measurement: Measurement = async log => {
  const servers = await startRealAuthServers(INSTANCES)
  const verifiers = Array.from({ length: VERIFIERS }, (_, n) => openVerifier(servers, n))
  try {
    await servers.createUsers(1)
    const first = await servers.login(0, 'load0')
    for (const { verify } of verifiers) {
      await verify(first.access_token)
      // A verifier polls from its first token on: spread, or all three would look at the same moment.
      await delay(POLL_MS / VERIFIERS)
    }
    const refused: number[] = []
    const published: number[] = []
    for (let n = 0; n < REVOCATIONS; n++) {
      const { access_token: token, refresh_token: refreshToken } = await servers.login(n, 'load0')
      for (const { verify } of verifiers) if (!(await verify(token))) throw new Error('a fresh token was refused')
      // At a random phase of the polls, and late enough that what the instances publish is from after the login.
      await delay(SETTLED_MS + Math.random() * POLL_MS)
      const etags = await Promise.all(
        servers.origins.map(async (_, instance) => await entityTag(servers, instance, token))
      )
      const startedAt = performance.now()
      const { status } = await servers.post(n, '/oauth2/revoke', { token: refreshToken })
      if (status !== 200) throw new Error(`revocation answered ${status}`)
      const answeredAt = performance.now()
      const [ends, lists] = await Promise.all([
        Promise.all(verifiers.map(async ({ verify }) => await until(async () => !(await verify(token))))),
        Promise.all(
          etags.map(
            async (before, instance) => await until(async () => (await entityTag(servers, instance, token)) !== before)
          )
        )
      ])
      refused.push(Math.max(...ends) - startedAt)
      published.push(Math.max(...lists) - answeredAt)
      if ((n + 1) % 40 === 0) log(`${n + 1} revocations`)
    }
    const p99 = rounded(quantile(refused, 0.99))
    const publishedP99 = rounded(quantile(published, 0.99))
    return {
      values: {
        revocations: REVOCATIONS,
        'revoke → refused at the last of 3 verifiers, p50 (ms)': rounded(quantile(refused, 0.5)),
        'revoke → refused, longest (ms)': rounded(Math.max(...refused)),
        'answer → published by every instance, p50 (ms)': rounded(quantile(published, 0.5)),
        'answer → published, longest (ms)': rounded(Math.max(...published))
      },
      goals: {
        'revoke → refused at the last of 3 verifiers, p99 (ms)': { value: p99, goal: 1500, better: 'lower' },
        'answer → published by every instance, p99 (ms)': { value: publishedP99, goal: 250, better: 'lower' }
      }
    }
  } finally {
    for (const { close } of verifiers) await close()
    await servers.close()
  }
}

function openVerifier(
  servers: RealAuthServers,
  instance: number
): { verify: (token: string) => Promise<boolean>; close: () => Promise<void> } {
  const fetch = servers.fetchFrom(instance)
  const keys = createJwksKeySource({ jwksUri: `${ISSUER}/oauth2/jwks`, fetch })
  const status = createStatusListSource({
    issuer: ISSUER,
    keys,
    allowedUris: `${ISSUER}/oauth2/status-lists/`,
    pollMs: POLL_MS,
    fetch
  })
  const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, status })
  return {
    verify: async token => {
      try {
        await verifier.verify(token)
        return true
      } catch (error) {
        if (error instanceof Error && 'reason' in error && error.reason === 'token-revoked') return false
        throw error
      }
    },
    close: async () => {
      await Promise.all([keys.close(), status.close()])
    }
  }
}

/** The entity tag of the list that the token names, at one instance. */
async function entityTag(servers: RealAuthServers, instance: number, token: string): Promise<string | null> {
  const { status } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    status: { status_list: { uri: string } }
  }
  return (await servers.get(instance, new URL(status.status_list.uri).pathname)).etag
}

/** When the condition first held. */
async function until(condition: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > GIVE_UP_MS) throw new Error(`not within ${GIVE_UP_MS} ms`)
    await delay(LOOK_AGAIN_MS)
  }
  return performance.now()
}
