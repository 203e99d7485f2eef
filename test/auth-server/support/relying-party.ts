import { createServer as createTlsServer } from 'node:https'
import { createServer, type Server } from 'node:http'
import Fastify from 'fastify'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTVerifyResult } from 'jose'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { AppCollaborators } from '@sallyport/auth-server'
import { ISSUER } from '../../support/authorization-server.ts'

/**
 * What the relying party does with the next logout tokens: a status, no answer at all, or a body without an end, as
 * fast as it goes or byte by byte.
 */
export type Behaviour = number | 'silent' | 'endless' | 'dripping'

/** A relying party that takes logout tokens. */
export interface RelyingParty {
  readonly uri: string
  /** The tokens that came, whatever the answer was. */
  readonly received: string[]
  /** Paths that were asked besides the registered one. */
  readonly strayed: string[]
  /** One for each request, the last one for all that follow. */
  behave: (...behaviours: Behaviour[]) => void
  /** Bytes of bodies without an end that were taken. */
  readonly sent: () => number
  /** Settles when so many tokens have come. */
  readonly until: (count: number) => Promise<void>
}

/** Starts one on loopback; with `tls`, on https://localhost. */
export async function startRelyingParty(
  t: Test,
  tls?: { certificate: string; privateKey: string }
): Promise<RelyingParty> {
  const received: string[] = []
  const strayed: string[] = []
  const waiting = new Set<() => void>()
  let behaviours: Behaviour[] = [200]
  let sent = 0
  const app = Fastify({
    serverFactory: handler =>
      tls === undefined
        ? (createServer(handler) as Server)
        : (createTlsServer({ cert: tls.certificate, key: tls.privateKey }, handler) as unknown as Server)
  })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, new URLSearchParams(body.toString()))
  })
  app.post<{ Body: URLSearchParams }>('/logged-out', async (request, reply) => {
    received.push(request.body.get('logout_token') ?? '')
    for (const check of waiting) check()
    const behaviour = (behaviours.length > 1 ? behaviours.shift() : behaviours[0]) ?? 200
    if (typeof behaviour === 'number') {
      return await reply.code(behaviour).headers({ 'cache-control': 'no-store', location: '/elsewhere' }).send()
    }
    reply.hijack()
    if (behaviour === 'silent') return
    reply.raw.writeHead(200)
    if (behaviour === 'dripping') {
      const timer = setInterval(() => {
        reply.raw.write('x')
      }, 20)
      reply.raw.once('close', () => {
        clearInterval(timer)
      })
      return
    }
    const pour = (): void => {
      for (let goesOn = true; goesOn && !reply.raw.destroyed; sent += 16_384) {
        goesOn = reply.raw.write('x'.repeat(16_384))
      }
      if (!reply.raw.destroyed) reply.raw.once('drain', pour)
    }
    pour()
  })
  app.setNotFoundHandler(async (request, reply) => {
    strayed.push(request.url)
    return await reply.code(200).send()
  })
  await app.listen({ host: tls === undefined ? '127.0.0.1' : 'localhost', port: 0 })
  t.after(async () => {
    app.server.closeAllConnections()
    await app.close()
  })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    uri: `${tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}/logged-out`,
    received,
    strayed,
    sent: () => sent,
    behave: (...next) => {
      behaviours = next
    },
    until: async count => {
      if (received.length >= count) return
      await new Promise<void>(resolve => {
        const check = (): void => {
          if (received.length < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
      })
    }
  }
}

/** Collaborators with which notices are delivered when the test says so, on every instance at once. */
export function deliveryByHand(more: NonNullable<AppCollaborators['logoutDelivery']> = {}) {
  const runs: Array<() => Promise<void>> = []
  const logoutDelivery: NonNullable<AppCollaborators['logoutDelivery']> = {
    timeoutMs: 2000,
    ...more,
    schedule: run => {
      runs.push(run)
      return { stop: () => {} }
    }
  }
  return {
    collaborators: { logoutDelivery },
    deliver: async () => {
      await Promise.all(
        runs.map(async run => {
          await run()
        })
      )
    }
  }
}

/** Validates a logout token as a relying party has to. @see OpenID Connect Back-Channel Logout 1.0 §2.6 */
export async function validLogoutToken(
  app: FastifyInstance,
  token: string,
  clientId: string,
  nowMs: number
): Promise<JWTVerifyResult> {
  const keys = createLocalJWKSet((await app.inject('/oauth2/jwks')).json<JSONWebKeySet>())
  return await jwtVerify(token, keys, {
    issuer: ISSUER,
    audience: clientId,
    typ: 'logout+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['iat', 'exp', 'jti', 'events'],
    currentDate: new Date(nowMs)
  })
}
