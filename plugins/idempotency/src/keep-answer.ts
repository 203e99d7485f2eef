import type { FastifyReply } from 'fastify'
import { AnswerTooLargeError, IdempotencyMisuseError } from './errors.ts'
import type { KeptAnswer } from './record-store.ts'

/** What a handler is about to answer. */
export interface IdempotentAnswer {
  /** 200 to 499; what failed is tried again and not repeated. */
  readonly status: number
  /** Those that belong to the answer, such as `location`: never a cookie. */
  readonly headers?: Readonly<Record<string, string>>
  /** Written as the route's response schema says. Left out: no body. */
  readonly body?: object
}

/** Of this connection or this moment, or a secret of the one who got it. @see RFC 9110 §7.6.1 */
const NEVER_KEPT =
  /^(?:set-cookie2?|www-authenticate|authorization|authentication-info|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|date)$/
const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * An answer as it is kept: the text that the route's response schema makes of it, so that nothing is stored that was
 * not answered.
 * @throws {AnswerTooLargeError} `SALLYPORT_IDEMPOTENCY_ANSWER_TOO_LARGE`
 * @throws {IdempotencyMisuseError} `SALLYPORT_IDEMPOTENCY_MISUSE`
 */
export function keepAnswer(reply: FastifyReply, answer: IdempotentAnswer, maxAnswerBytes: number): KeptAnswer {
  const { status } = answer
  if (!Number.isInteger(status) || status < 200 || status > 499) throw answerMisuse(`status ${status} is not kept`)
  const own = Object.entries(answer.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [name] of own) if (NEVER_KEPT.test(name)) throw answerMisuse(`header ${name} is not kept`)
  const body = answer.body === undefined ? null : serialised(reply, status, answer.body)
  const headers = { ...(body !== null && { 'content-type': JSON_TYPE }), ...Object.fromEntries(own) }
  const bytes = Buffer.byteLength(JSON.stringify(headers)) + Buffer.byteLength(body ?? '')
  if (bytes > maxAnswerBytes) {
    throw new AnswerTooLargeError({ cause: new Error(`${bytes} bytes, and ${maxAnswerBytes} are allowed`) })
  }
  return { status, headers, body }
}

/** Fastify chooses the schema by the status of the reply, which is not decided yet. */
function serialised(reply: FastifyReply, status: number, body: object): string {
  const { statusCode } = reply
  try {
    return String(reply.code(status).serialize(body))
  } finally {
    void reply.code(statusCode)
  }
}

function answerMisuse(text: string): Error {
  return new IdempotencyMisuseError({ cause: new Error(text) })
}
