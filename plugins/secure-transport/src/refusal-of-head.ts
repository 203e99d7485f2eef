import type { IncomingMessage } from 'node:http'
import type { FastifyError } from '@fastify/error'
import {
  DuplicateHeaderError,
  ExpectationRefusedError,
  FramingRefusedError,
  HostMissingError,
  TooManyHeadersError
} from './errors.ts'
import { duplicateHeader } from './header-hygiene.ts'

const BROKEN_OFF = Symbol('sallyport.transport.brokenOff')

declare module 'node:net' {
  interface Socket {
    /** Whether a request on it was refused after which nothing is believed. */
    [BROKEN_OFF]?: true
  }
}

/** Why a request is refused by its head, for the client and for its security event. */
export interface HeadRefusal {
  readonly error: FastifyError
  readonly reason: string
  readonly detail?: Readonly<Record<string, string | number>>
}

/**
 * Why a request is refused before anything is decided; `null` for one that every parser reads alike.
 * @param maxRawLength of `rawHeaders`: two for each header line
 */
export function refusalOfHead(raw: IncomingMessage, maxRawLength: number): HeadRefusal | null {
  const { rawHeaders, headers, httpVersion, socket } = raw
  if (socket[BROKEN_OFF] === true) return lastOnConnection(raw, new FramingRefusedError(), 'framing-refused')
  if (rawHeaders.length > maxRawLength) {
    return { error: new TooManyHeadersError(), reason: 'too-many-headers', detail: { count: rawHeaders.length / 2 } }
  }
  const header = duplicateHeader(rawHeaders)
  if (header !== null) return { error: new DuplicateHeaderError(), reason: 'duplicate-header', detail: { header } }
  const isOld = httpVersion === '1.0'
  if (headers.host === undefined && !isOld) return lastOnConnection(raw, new HostMissingError(), 'host-missing')
  // Node emits a request of 1.0 before its parser fails on the body. And it undoes no coding but `chunked`: whoever
  // gets the body next would not be told of the others. @see RFC 9112 §6.1
  const coding = headers['transfer-encoding']
  if (coding !== undefined && (isOld || coding.toLowerCase() !== 'chunked')) {
    return lastOnConnection(raw, new FramingRefusedError(), 'framing-refused')
  }
  const { expect } = headers
  if (expect !== undefined && !isOld && expect.toLowerCase() !== '100-continue') {
    return lastOnConnection(raw, new ExpectationRefusedError(), 'expectation-refused')
  }
  return null
}

function lastOnConnection(raw: IncomingMessage, error: FastifyError, reason: string): HeadRefusal {
  breakOff(raw)
  return { error: Object.assign(error, { headers: { connection: 'close' } }), reason }
}

/**
 * Parsers may disagree on where this request ends. A request that was sent behind it may be parsed before the
 * connection ends with the answer; from now on it is refused.
 */
export function breakOff({ socket }: IncomingMessage): void {
  socket[BROKEN_OFF] = true
}
