import { setTimeout as delay } from 'node:timers/promises'
import { admin } from '@sallyport/auth-server'
import { createJwksKeySource, createTokenVerifier, type TokenVerifier } from '@sallyport/authentication'
import type { KeySource } from '@sallyport/security-context'
import { AUDIENCE, ISSUER, startRealAuthServers, type RealAuthServers } from '../support/real-auth-servers.ts'
import type { Soak } from './types.ts'

const ROTATIONS = 100
const INSTANCES = 3
const CLIENTS = 6
const TICK_MS = 250
const PUBLISH_EACH_MS = 1200
/** The shortest that the settings allow. */
const TIMES = { jwksMaxAgeSeconds: 1, accessTokenLifetimeSeconds: 10, statusListLifetimeSeconds: 10 }
/** An instance follows within a second, a verifier within its cache lifetime; the rest is for a machine under load. */
const REMOVAL_KNOWN_MS = 1000 + TIMES.jwksMaxAgeSeconds * 1000 + 1000
/** Later than the last token of the key expired, and earlier than the key may go. */
const CONTROL_AFTER_MS = 30_000

interface Verifier {
  readonly keys: KeySource
  readonly live: TokenVerifier
}

interface KeptToken {
  readonly jwt: string
  control: boolean
  after: boolean
}
interface Totals {
  tokens: number
  verifications: number
  acceptedBeforeRemoval: number
  refusedAfterRemoval: number
}

/**
 * Key rotations under load: clients get tokens at every instance and verify each at once, with the key sets of all of
 * them. A token of each key is kept; it has to be accepted until the key is removed and refused after that.
 */
export const keyRotations: Soak = async log => {
  const servers = await startRealAuthServers(INSTANCES, TIMES)
  const verifiers = servers.origins.map((_, instance) => openVerifier(servers, instance))
  const broken: string[] = []
  const kept = new Map<string, KeptToken>()
  const totals: Totals = { tokens: 0, verifications: 0, acceptedBeforeRemoval: 0, refusedAfterRemoval: 0 }
  const ended = new AbortController()
  try {
    await servers.createUsers(CLIENTS)
    const load = Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        let { refresh_token: refreshToken } = await servers.login(client, `load${client}`)
        for (let n = client; !ended.signal.aborted; n++) {
          const { status, text } = await servers.post(n, '/oauth2/token', {
            grant_type: 'refresh_token',
            refresh_token: refreshToken
          })
          if (status !== 200) {
            broken.push(`a refresh was answered ${status}: ${text}`)
            return
          }
          const answer = JSON.parse(text) as { access_token: string; refresh_token: string }
          refreshToken = answer.refresh_token
          totals.tokens++
          const kid = kidOf(answer.access_token)
          if (!kept.has(kid)) kept.set(kid, { jwt: answer.access_token, control: false, after: false })
          for (const { live } of verifiers) {
            totals.verifications++
            const refusal = await refusalOf(live, answer.access_token)
            if (refusal !== null) broken.push(`a valid token of ${kid} was refused: ${refusal}`)
          }
        }
      })
    )

    await rotate(servers, log, async () => {
      await checkKept(servers, verifiers, kept, totals, broken)
    })
    ended.abort()
    await load
    if (
      totals.acceptedBeforeRemoval !== ROTATIONS * INSTANCES ||
      totals.refusedAfterRemoval !== ROTATIONS * INSTANCES
    ) {
      broken.push('not every removed key was checked at every verifier')
    }
    return { counts: { rotations: ROTATIONS, instances: INSTANCES, ...totals }, broken }
  } finally {
    ended.abort()
    for (const { keys } of verifiers) await keys.close()
    await servers.close()
  }
}

/**
 * Publishes a key each {@link PUBLISH_EACH_MS} and takes every step as soon as it is safe, until the last key is
 * removed.
 */
async function rotate(
  servers: RealAuthServers,
  log: (line: string) => void,
  eachTick: () => Promise<void>
): Promise<void> {
  let published = 0
  let signing = 0
  let publishedAtMs = 0
  while (signing < ROTATIONS || (await admin.listKeys(servers.administration)).length > 1) {
    if (published < ROTATIONS && Date.now() - publishedAtMs >= PUBLISH_EACH_MS) {
      await admin.publishKey(servers.administration)
      publishedAtMs = Date.now()
      published++
    }
    await eachTick()
    for (const taken of await admin.advanceKeys(servers.administration)) {
      if (taken.endsWith(': signing') && ++signing % 20 === 0) log(`${signing} rotations`)
    }
    await delay(TICK_MS)
  }
  // Until the last removal is old enough to be looked at.
  await delay(REMOVAL_KNOWN_MS + TICK_MS)
  await eachTick()
}

/**
 * Shows the kept token of each key to verifiers that live at its time: accepted while the key is retired, refused once
 * it is removed.
 */
async function checkKept(
  servers: RealAuthServers,
  verifiers: readonly Verifier[],
  kept: Map<string, KeptToken>,
  totals: Totals,
  broken: string[]
): Promise<void> {
  const states = (await servers.db('signing_keys').select('kid', 'state', 'retired_at', 'removed_at')) as Array<{
    kid: string
    state: string
    retired_at: Date | null
    removed_at: Date | null
  }>
  for (const { kid, state, retired_at: retiredAt, removed_at: removedAt } of states) {
    const token = kept.get(kid)
    if (token === undefined) continue
    if (state === 'retired' && !token.control && Date.now() - Number(retiredAt) > CONTROL_AFTER_MS) {
      token.control = true
      for (const { keys } of verifiers) {
        const refusal = await refusalOf(verifierAt(keys, token.jwt), token.jwt)
        if (refusal === null) totals.acceptedBeforeRemoval++
        else broken.push(`a token of the retired key ${kid} was refused: ${refusal}`)
      }
    }
    if (state === 'removed' && !token.after && Date.now() - Number(removedAt) > REMOVAL_KNOWN_MS) {
      token.after = true
      for (const { keys } of verifiers) {
        const refusal = await refusalOf(verifierAt(keys, token.jwt), token.jwt)
        if (refusal === 'key-unknown') totals.refusedAfterRemoval++
        else {
          broken.push(
            `a token of the removed key ${kid} was ${refusal === null ? 'accepted' : `refused as ${refusal}`}`
          )
        }
      }
    }
  }
}

function openVerifier(servers: RealAuthServers, instance: number): Verifier {
  const keys = createJwksKeySource({
    jwksUri: `${ISSUER}/oauth2/jwks`,
    maxAgeMs: TIMES.jwksMaxAgeSeconds * 1000,
    fetch: servers.fetchFrom(instance)
  })
  return { keys, live: createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys }) }
}

/** A verifier that lives when the token was issued, so that nothing but its key can make it refuse. */
function verifierAt(keys: KeySource, jwt: string): TokenVerifier {
  const { iat } = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { iat: number }
  return createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, clock: () => iat * 1000 })
}

/** Why the verifier refuses the token, `null` when it accepts it. */
async function refusalOf(verifier: TokenVerifier, token: string): Promise<string | null> {
  try {
    await verifier.verify(token)
    return null
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return 'reason' in error ? String(error.reason) : error.message
  }
}

const kidOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid
