import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { KeySource, TokenClient } from '@sallyport/security-context'
import { createIssuer, type TestIssuer } from '@sallyport/testing'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import { request } from 'undici'

/** What a token says; the rest has defaults that a verifier accepts. */
export interface TokenFacts {
  readonly subject: string
  readonly audience: string
  readonly roles?: readonly string[]
  readonly scope?: string
  readonly clientId?: string
  /** Whole `act` claim; `null` for none. */
  readonly act?: Readonly<Record<string, unknown>> | null
  /** Replaces or removes (by `undefined`) claims. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** The issuer of the test kit for services behind the gateway, with tokens as the gateway gets them by exchange. */
export interface TokenAuthority {
  readonly issuer: string
  readonly keys: KeySource
  mint: (facts: TokenFacts) => Promise<string>
  /** A client of this issuer; the gateway and every service is one. */
  tokenClient: (clientId: string) => TokenClient
  /** Listens at the port of its name, for processes; gives what ends that. */
  listen: () => Promise<() => Promise<void>>
}

/** The secret of every client. */
export const SERVICE_SECRET = 'secret-secret-secret-secret-secret'
/** The issuer is in this process: when it is slow, the machine is. */
const LONGEST_ANSWER_MS = 60_000
const CLIENTS = ['gateway', 'order-service', 'restaurant-service', 'delivery-service']

/** Makes an issuer with a key of its own. @param issuer its name; one with a port when processes are to reach it */
export function createTokenAuthority(issuer = 'https://issuer.test'): TokenAuthority {
  const clients = Object.fromEntries(CLIENTS.map(name => [name, SERVICE_SECRET]))
  const kit = createIssuer({ issuer, clients, revocable: false })
  const { dispatcher, keys } = kit
  return {
    issuer,
    keys,
    mint: async ({
      subject,
      audience,
      roles = [],
      scope = '',
      clientId = 'gateway',
      act = { sub: 'gateway' },
      claims
    }) =>
      kit.token({
        sub: subject,
        aud: audience,
        client_id: clientId,
        roles,
        scope,
        ...(act !== null && { act }),
        ...claims
      }),
    tokenClient: clientId =>
      createTokenClient({
        metadata: () => discoverMetadata({ issuer, dispatcher, timeoutMs: LONGEST_ANSWER_MS }),
        clientId,
        clientSecret: SERVICE_SECRET,
        dispatcher,
        timeoutMs: LONGEST_ANSWER_MS
      }),
    listen: async () => await listenFor(kit)
  }
}

async function listenFor({ issuer, dispatcher }: TestIssuer): Promise<() => Promise<void>> {
  async function passOn(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming
    const answer = await request(`${issuer}${url}`, {
      method,
      dispatcher,
      headers: { authorization: headers.authorization, 'content-type': headers['content-type'] },
      body: method === 'GET' ? null : incoming
    })
    outgoing.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) })
    await pipeline(answer.body, outgoing)
  }

  const server = createServer((incoming, outgoing) => {
    passOn(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(Number(new URL(issuer).port), '127.0.0.1')
  await once(server, 'listening')
  return async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}
