import { randomBytes } from 'node:crypto'

/** Why a WebSocket has ended. */
export type EndOfSocket =
  /** One of the two sides has said so. */
  | 'closed'
  | 'client-left'
  | 'service-left'
  | 'access-expired'
  | 'access-revoked'
  | 'access-unconfirmed'
  | 'session-ended'
  | 'idle'
  | 'time-over'
  | 'gateway-closes'
  /** What came from one of them were no frames. */
  | 'protocol-broken'

/** What a Close frame says. @see RFC 6455 §7.4 */
interface CloseStatus {
  readonly code: number
  readonly text: string
}

const ACCESS_ENDED: CloseStatus = { code: 4401, text: 'access ended' }

const CLIENT_STATUS: Readonly<Record<EndOfSocket, CloseStatus | null>> = {
  closed: null,
  'client-left': null,
  'access-expired': ACCESS_ENDED,
  'access-revoked': ACCESS_ENDED,
  'access-unconfirmed': ACCESS_ENDED,
  'session-ended': ACCESS_ENDED,
  idle: { code: 1001, text: 'idle' },
  'time-over': { code: 1001, text: 'time over' },
  'gateway-closes': { code: 1001, text: 'going away' },
  'service-left': { code: 1011, text: 'service lost' },
  'protocol-broken': { code: 1002, text: 'protocol error' }
}

/** What the client is told, `null` for nothing. 4401 is to WebSockets what 401 is to requests: prove who you are. */
export function clientStatus(reason: EndOfSocket): CloseStatus | null {
  return CLIENT_STATUS[reason]
}

/** What the service is told, whatever the reason is: it is the client's matter. */
const SERVICE_STATUS: CloseStatus = { code: 1001, text: 'going away' }

const FINAL_CLOSE = 0x88
const MASKED = 0x80

/** A Close frame for the client, which is never masked. */
export function closeFrameForClient({ code, text }: CloseStatus): Buffer {
  const payload = closePayload(code, text)
  return Buffer.concat([Buffer.from([FINAL_CLOSE, payload.length]), payload])
}

/** A Close frame for the service, masked as everything that it gets. @see RFC 6455 §5.3 */
export function closeFrameForService(): Buffer {
  const payload = closePayload(SERVICE_STATUS.code, SERVICE_STATUS.text)
  const mask = randomBytes(4)
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))
  return Buffer.concat([Buffer.from([FINAL_CLOSE, MASKED | payload.length]), mask, masked])
}

function closePayload(code: number, text: string): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(text))
  payload.writeUInt16BE(code)
  payload.write(text, 2)
  return payload
}
