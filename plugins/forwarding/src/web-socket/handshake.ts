import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { AnswerHeaders } from '../answer-rules.ts'
import type { ReadWebSocket } from './web-socket-options.ts'

/** The one version there is. */
export const WEB_SOCKET_VERSION = '13'

/** Makes the proof that a server has understood the handshake. @see RFC 6455 §1.3 */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64. */
const KEY_FORM = /^[A-Za-z0-9+/]{22}==$/
/** Names of protocols, separated by commas. */
const PROTOCOLS_FORM = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/
const EXTENSIONS_FORM = /^[\t\x20-\x7e]{1,1024}$/

/** Whether a message asks for the protocol, and for no other one. */
export function asksForWebSocket({ upgrade }: IncomingHttpHeaders): boolean {
  return upgrade?.toLowerCase() === 'websocket'
}

/**
 * What is wrong with the handshake of a client that asks for a WebSocket, `null` for nothing.
 * @returns `version`: another version of the protocol
 * @see RFC 6455 §4.2.1
 */
export function handshakeMistake({ method, httpVersion, headers }: IncomingMessage): string | null {
  if (method !== 'GET' || httpVersion !== '1.1') return 'method-or-version'
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return 'body'
  if (headers['http2-settings'] !== undefined) return 'http2-settings'
  if (!KEY_FORM.test(headers['sec-websocket-key'] ?? '')) return 'key'
  if (headers['sec-websocket-version'] !== WEB_SOCKET_VERSION) return 'version'
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && !PROTOCOLS_FORM.test(protocols)) return 'protocols'
  const extensions = headers['sec-websocket-extensions']
  return extensions !== undefined && !EXTENSIONS_FORM.test(extensions) ? 'extensions' : null
}

/** What a handshake asks of the service, names and values in turn. Its origin and its cookies stay here. */
export function handshakeFields(headers: IncomingHttpHeaders, { extensions: passes }: ReadWebSocket): string[] {
  const { 'sec-websocket-key': key = '', 'sec-websocket-protocol': protocols } = headers
  const extensions = passes ? headers['sec-websocket-extensions'] : undefined
  return [
    ...['sec-websocket-version', WEB_SOCKET_VERSION, 'sec-websocket-key', key],
    ...(protocols === undefined ? [] : ['sec-websocket-protocol', protocols]),
    ...(extensions === undefined ? [] : ['sec-websocket-extensions', extensions])
  ]
}

/**
 * What is wrong with the switch of a service, `null` for nothing. A service that has not read the handshake, or agrees
 * to what nobody has offered, does not speak WebSocket with this client.
 * @see RFC 6455 §4.1
 */
export function switchMistake(
  asked: IncomingHttpHeaders,
  answer: AnswerHeaders,
  { extensions: passes }: ReadWebSocket
): string | null {
  if (String(answer['upgrade']).toLowerCase() !== 'websocket') return 'The service switched to another protocol'
  if (answer['sec-websocket-accept'] !== acceptFor(asked['sec-websocket-key'] ?? '')) {
    return 'The service did not prove that it speaks WebSocket'
  }
  const protocol = answer['sec-websocket-protocol']
  if (protocol !== undefined && !offeredProtocols(asked['sec-websocket-protocol']).includes(String(protocol))) {
    return 'The service chose a protocol that was not offered'
  }
  const offered = passes ? extensionNames(asked['sec-websocket-extensions']) : []
  const agreed = extensionNames(answer['sec-websocket-extensions'])
  return agreed.every(name => offered.includes(name)) ? null : 'The service chose an extension that was not offered'
}

/** What of a service's switch is for the client, names and values in turn. */
export function switchFields(answer: AnswerHeaders): string[] {
  const names = ['sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions']
  return names.flatMap(name => {
    const value = answer[name]
    return value === undefined ? [] : [name, String(value)]
  })
}

/** SHA-1 is what the protocol says; it proves attention, and protects nothing. @see RFC 6455 §10.8 */
function acceptFor(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64')
}

function offeredProtocols(list: string | undefined): string[] {
  return (list ?? '').split(',').map(name => name.trim())
}

function extensionNames(list: string | string[] | undefined): string[] {
  const names = [list ?? []].flat().flatMap(part => part.split(','))
  return names.map(part => part.split(';')[0]?.trim().toLowerCase() ?? '').filter(name => name !== '')
}
