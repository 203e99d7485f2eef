import { parseJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { WebClientCallError } from '../errors.ts'

/** One request of a page to the gateway. */
export interface GatewayCall {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: JsonObject
  readonly headers?: Readonly<Record<string, string>>
}

/** What the gateway answered. */
export interface GatewayAnswer {
  readonly status: number
  readonly body: JsonObject
  /** Whole `Set-Cookie` fields, for the browser. */
  readonly cookies: readonly string[]
}

/** Asks the gateway for what a page shows or does. */
export type CallGateway = (request: FastifyRequest, call: GatewayCall) => Promise<GatewayAnswer>

/**
 * Calls a public route of the gateway, from the first hook to the last: the pages have no way around what is decided
 * there. The session is that of the page's own request, which has checked its cookies and renewed its token.
 */
export function createGatewayCalls(fastify: FastifyInstance): CallGateway {
  return async function callGateway(request, { method = 'GET', path, body, headers = {} }) {
    const { 'user-agent': device } = request.headers
    const answer = await fastify.inject({
      method,
      url: path,
      remoteAddress: request.ip,
      headers: {
        host: request.publicHost,
        accept: 'application/json',
        ...(device !== undefined && { 'user-agent': device }),
        ...credentialOf(request),
        ...headers
      },
      ...(body !== undefined && { payload: { ...body } })
    })
    return {
      status: answer.statusCode,
      body: parseJsonObject(answer.rawPayload) ?? {},
      cookies: [answer.headers['set-cookie'] ?? []].flat()
    }
  }
}

/**
 * What the call is made under: the token, or the cookies where that is bound to their key. That the page itself was no
 * foreign request has been seen then.
 */
function credentialOf({ accessToken, dpopKey, headers: { cookie = '' } }: FastifyRequest): Record<string, string> {
  if (typeof accessToken !== 'string') return {}
  return dpopKey === null ? { authorization: `Bearer ${accessToken}` } : { cookie, 'x-sallyport-csrf': '1' }
}

/**
 * The body of a successful answer; its cookies go to the browser.
 * @throws {WebClientCallError} `SALLYPORT_GATEWAY_WEB_CLIENT_CALL_FAILED` with the status of any other answer
 */
export function takeAnswer({ status, body, cookies }: GatewayAnswer, reply: FastifyReply): JsonObject {
  for (const cookie of cookies) void reply.header('set-cookie', cookie)
  if (status >= 200 && status < 300) return body
  throw Object.assign(new WebClientCallError({ cause: new Error(`${status} ${String(body.code)}`) }), {
    statusCode: status
  })
}
