import type { LightMyRequestResponse } from 'fastify'

/**
 * An answer without what tells two requests apart and nothing else: its date and its request id. Two answers that a
 * caller must not be able to tell apart are the same then.
 */
export function comparableAnswer({ statusCode, headers, body }: LightMyRequestResponse) {
  const { date: _date, 'x-request-id': requestId, ...others } = headers
  return { statusCode, headers: others, body: body.replaceAll(`"${String(requestId)}"`, '"<request id>"') }
}
