import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { until } from '../edge.ts'
import { type ForwardingApp, startForwarding } from './forwarding-app.ts'
import { plainAnswer, type RawRequest, startRawService } from './raw-service.ts'
import type { WireCase } from './wire-cases.ts'

/** What one case came to. */
export interface Outcome {
  /** Answers, as they mean: `failed` for one that is an error of the service or that breaks off. */
  readonly answers: readonly unknown[]
  /** What the service received. */
  readonly requests: readonly unknown[]
  /** Reasons of security events. */
  readonly events: readonly string[]
}

/** Fields whose values are another with each request. */
const OF_EACH_REQUEST: readonly string[] = ['x-request-id', 'sallyport-timeout-ms']

/** Closes the connection; a request that is hidden before it, or that swallows it, shows. */
const LAST = 'GET /orders/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Sends cases through both ways of forwarding, in front of one service. */
export async function startBothSteps(
  t: Pick<Test, 'after'>
): Promise<(wire: WireCase) => Promise<{ lean: Outcome; ordinary: Outcome }>> {
  const service = await startRawService(t)
  const lean = await startForwarding(t, { service, step: 'lean' })
  const ordinary = await startForwarding(t, { service, step: 'ordinary' })

  async function run(wire: WireCase, { port, ends, underWay, agent }: ForwardingApp): Promise<Outcome> {
    service.answer = (request, socket) => {
      if (request.url === '/orders/last') {
        socket.write(plainAnswer('last'))
        return
      }
      void (async () => {
        for (const part of wire.answer) {
          socket.write(part, 'latin1')
          await setImmediate()
          await setImmediate()
        }
        if (wire.closes) socket.end()
      })()
    }
    const received = await sendThenLast(port, wire)
    await until(() => underWay() === 0 && (agent.counts()[service.origin]?.running ?? 0) === 0)
    const requests = service.received.splice(0)
    const events = ends.splice(0).flatMap(end => end.events.map(({ reason }) => reason))
    return { answers: readAnswers(received, wire.method).map(comparable), requests: requests.map(meaningOf), events }
  }

  return async wire => ({ lean: await run(wire, lean), ordinary: await run(wire, ordinary) })
}

/** Sends a request, and {@link LAST} once it is answered if the connection stays open. Returns all that comes back. */
async function sendThenLast(port: number, { request: bytes, method }: WireCase): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  let isLast = false
  socket.setEncoding('latin1').on('error', () => {})
  socket.on('data', (text: string) => {
    received += text
    const [first] = readAnswers(received, method).filter(({ status }) => status >= 200)
    if (isLast || first?.isWhole !== true) return
    isLast = true
    if (!first.fields.some(line => /^connection: close$/i.test(line))) socket.write(LAST)
  })
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return received
}

function meaningOf({ method, url, rawHeaders, body }: RawRequest): unknown {
  const fields: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    fields.push(`${name}: ${OF_EACH_REQUEST.includes(name) ? '' : rawHeaders[at + 1]}`)
  }
  return { method, url, fields: fields.sort(), body }
}

interface Answer {
  readonly status: number
  readonly fields: readonly string[]
  readonly body: string
  readonly isWhole: boolean
}

function readAnswers(received: string, method: string): Answer[] {
  const answers: Answer[] = []
  let rest = received
  let asked = method
  while (rest !== '') {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd === -1) return [...answers, { status: 0, fields: [], body: rest, isWhole: false }]
    const [line = '', ...lines] = rest.slice(0, headEnd).split('\r\n')
    const status = Number(line.split(' ')[1])
    const { body, after, isWhole } = readBody(
      rest.slice(headEnd + 4),
      lines,
      asked === 'HEAD' || status < 200 ? 100 : status
    )
    answers.push({ status, fields: lines, body, isWhole })
    if (status >= 200) asked = 'GET'
    rest = after
  }
  return answers
}

function readBody(
  bytes: string,
  lines: readonly string[],
  status: number
): { body: string; after: string; isWhole: boolean } {
  const value = (name: string): string | undefined =>
    lines
      .find(line => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  if (status < 200 || status === 204 || status === 304) return { body: '', after: bytes, isWhole: true }
  if (value('transfer-encoding') === 'chunked') return readChunks(bytes)
  const length = value('content-length')
  if (length === undefined) return { body: bytes, after: '', isWhole: true }
  return {
    body: bytes.slice(0, Number(length)),
    after: bytes.slice(Number(length)),
    isWhole: bytes.length >= Number(length)
  }
}

function readChunks(bytes: string): { body: string; after: string; isWhole: boolean } {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return { body, after: '', isWhole: false }
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16)
    body += bytes.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
    if (at > bytes.length) return { body, after: '', isWhole: false }
    if (size === 0) return { body, after: bytes.slice(at), isWhole: true }
  }
}

/** Whether an answer fails with a name or breaks off depends on what has left when its service fails. */
function comparable({ status, fields, body, isWhole }: Answer): unknown {
  if (!isWhole || body.includes('SALLYPORT_FORWARDING_UPSTREAM_FAILED')) return 'failed'
  const kept = fields
    .filter(line => !/^date:/i.test(line))
    .map(line => line.replace(/^(x-request-id: ).*/i, '$1').replace(/^[^:]+/, name => name.toLowerCase()))
  return { status, fields: kept.sort(), body: body.replace(/"requestId":"[^"]*"/, '') }
}
