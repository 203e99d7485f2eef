// A collector of logs by OTLP over HTTPS, which keeps what it takes.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** A log record, with plain attributes. */
export interface CollectedLog {
  readonly timeUnixNano: string
  readonly severityText: string
  readonly eventName: string
  readonly traceId?: string
  readonly body: unknown
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
}

/** A server that answers as it is told. */
export interface LogCollector {
  readonly origin: string
  readonly logs: readonly CollectedLog[]
  readonly headers: () => IncomingHttpHeaders
  /** Answers in place of the collector, which then keeps nothing; `false`: it is kept all the same. */
  answer: ((logs: readonly CollectedLog[], response: ServerResponse) => boolean | void) | null
  readonly close: () => Promise<void>
}

interface OtlpAttribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface LogMessage {
  readonly resourceLogs: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly OtlpAttribute[] }
    readonly scopeLogs: ReadonlyArray<{
      readonly logRecords: ReadonlyArray<
        Omit<CollectedLog, 'attributes' | 'body'> & {
          readonly attributes: readonly OtlpAttribute[]
          readonly body: OtlpAttribute['value']
        }
      >
    }>
  }>
}

/** Starts a collector on a free port of loopback. */
export async function startLogCollector(options: ServerOptions, port = 0): Promise<LogCollector> {
  const logs: CollectedLog[] = []
  let headers: IncomingHttpHeaders = {}
  const facts: { answer: LogCollector['answer'] } = { answer: null }
  const server = createServer(options, (request, response) => {
    headers = request.headers
    json(request).then(
      message => {
        const received = logsOfMessage(message as LogMessage)
        if (facts.answer !== null && facts.answer(received, response) !== false) return
        logs.push(...received)
        if (!response.writableEnded) response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      },
      () => response.destroy()
    )
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return Object.assign(facts, {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    logs,
    headers: () => headers,
    close: async () => {
      server.closeAllConnections()
      if (server.listening) await new Promise(resolve => server.close(resolve))
    }
  })
}

function logsOfMessage({ resourceLogs }: LogMessage): CollectedLog[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ attributes, body, ...record }) => ({
        ...record,
        body: body.stringValue,
        attributes: attributesOf(attributes),
        resource: attributesOf(resource.attributes)
      }))
    )
  )
}

function attributesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, 'intValue' in value ? Number(value.intValue) : value.stringValue])
  )
}
