// A service that does nothing but verify the tokens of an issuer, whose key set is served by a drill.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import authentication, { createJwksKeySource } from '@sallyport/authentication'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { createIssuer, recordSecurityEvents, type TestIssuer } from '@sallyport/testing'
import Fastify, { type LightMyRequestResponse } from 'fastify'

const AUDIENCE = 'drilled-service'
/** Between two looks for a key that is not known. */
export const COOLDOWN_MS = 100

/** What is answered in place of the key set. */
export interface KeySetAnswer {
  readonly status?: number
  readonly body: string
}

/** The service, and what its issuer does. */
export interface VerifyingApp {
  readonly issuer: TestIssuer
  /** From now on this is answered to who asks for the keys; `null` for the keys. */
  answerKeysWith: (answer: KeySetAnswer | null) => void
  /** By how much the clock of the service is ahead of the issuer's, in ms. */
  shiftClock: (aheadMs: number) => void
  /** Status and code of a request with a token. */
  readonly ask: (token: string) => Promise<string>
  /** Why the last one was refused, as log and trail say it. */
  readonly reason: () => string | null
  readonly close: () => Promise<void>
}

/** Starts the key set on a socket, and the service. */
export async function startVerifyingApp(): Promise<VerifyingApp> {
  const state: { answer: KeySetAnswer | null; aheadMs: number } = { answer: null, aheadMs: 0 }
  const issuer = createIssuer({ audience: AUDIENCE, revocable: false })
  const server = createServer((_request, response) => {
    void keySetOf(issuer).then(body => {
      const { answer } = state
      response.writeHead(answer?.status ?? 200, { 'content-type': 'application/json' }).end(answer?.body ?? body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clock = (): number => Date.now() + state.aheadMs
  const keys = createJwksKeySource({ jwksUri: `http://127.0.0.1:${port}/jwks`, cooldownMs: COOLDOWN_MS, log: () => {} })
  const app = Fastify()
  await app.register(securityContext, { txn: () => null })
  await app.register(problemDetails)
  await app.register(authentication, { issuer: issuer.issuer, audience: AUDIENCE, keys, clock })
  app.get('/', { config: { access: 'authenticated', audit: 'none' } }, async () => ({}))
  const events = recordSecurityEvents(app)
  await app.ready()
  return {
    issuer,
    answerKeysWith: answer => {
      state.answer = answer
    },
    shiftClock: aheadMs => {
      state.aheadMs = aheadMs
    },
    ask: async token => answerText(await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })),
    reason: () => events.last().find(({ outcome }) => outcome !== 'success')?.reason ?? null,
    close: async () => {
      await app.close()
      keys.close()
      server.closeAllConnections()
      server.close()
    }
  }
}

/** The document that an issuer publishes. */
export async function keySetOf(issuer: TestIssuer): Promise<string> {
  const answer = await issuer.fetch(issuer.jwksUri)
  return await answer.text()
}

function answerText(answer: LightMyRequestResponse): string {
  const { code } = answer.json<{ code?: string }>()
  return `${answer.statusCode}${code === undefined ? '' : ` ${code}`}`
}
