import { createHash } from 'node:crypto'
import { effectiveRoute, type Principal } from '@sallyport/security-context'
import { canonicalJson } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import { BodyUnsupportedError } from './errors.ts'

/** What a record is found by, and what a repetition has to be equal to. */
export interface RequestIdentity {
  /** SHA-256 of whose key it is, for which route, and the key itself. */
  readonly keyHash: Buffer
  /** SHA-256 of method, path, query and body. */
  readonly fingerprint: Buffer
  /** Method and pattern of the route. */
  readonly route: string
  readonly subject: string
}

/**
 * Identifies a request by its key: one key of one subject of one issuer at one client and one route. Two callers who
 * choose the same key never meet.
 * @throws {BodyUnsupportedError} `SALLYPORT_IDEMPOTENCY_BODY_UNSUPPORTED`
 */
export function identifyRequest(
  request: FastifyRequest,
  { issuer, subject, clientId }: Principal,
  key: string
): RequestIdentity {
  const route = `${request.method} ${effectiveRoute(request).url}`
  return {
    keyHash: digestText(canonicalJson(['idempotency-key', issuer, subject, clientId, route, key])),
    fingerprint: digestText(canonicalJson([request.method, request.url, ...bodyText(request.body)])),
    route,
    subject
  }
}

/**
 * The advisory lock of a record: 64 bits of a hash of its own. Two records whose locks are the same, or a lock that the
 * app takes for something else, make a request wait for its turn (409), never find another's answer.
 */
export function advisoryLockOf({ keyHash }: RequestIdentity): string {
  return createHash('sha256').update('idempotency-lock').update(keyHash).digest().readBigInt64BE().toString()
}

/** The body with its kind: as JSON it is compared by value, so that order of members and white space say nothing. */
function bodyText(body: unknown): readonly [kind: string, text: string] {
  if (body === undefined) return ['none', '']
  if (typeof body === 'string') return ['text', body]
  if (body instanceof Uint8Array) return ['bytes', Buffer.from(body).toString('base64')]
  try {
    if (!isParsedJson(body)) throw new TypeError('not parsed from JSON')
    return ['json', canonicalJson(body)]
  } catch (cause) {
    // A RangeError: the stack does not reach to the bottom of it.
    throw new BodyUnsupportedError({ cause })
  }
}

function isParsedJson(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return true
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype === Object.prototype || prototype === null
}

function digestText(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
