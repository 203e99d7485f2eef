import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** A span as the collector got it, with plain attributes. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 2: server, 3: client. */
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number }
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

/** The collector of a local stack. */
export interface LocalCollector {
  /** `GET <origin>/traces/<trace id>` answers with the spans of a trace. */
  readonly origin: string
  /** What a process needs to export to it. */
  readonly environment: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
}

interface OtlpPair {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

type OtlpSpan = Omit<CollectedSpan, 'attributes' | 'resource' | 'links'> & {
  readonly attributes: readonly OtlpPair[]
  readonly links?: CollectedSpan['links']
}

interface OtlpMessage {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly OtlpPair[] }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: readonly OtlpSpan[] }>
  }>
}

const MOST_SPANS = 10_000
/** Only names of this machine: no page of the web reads traces by a name that it lets point here. */
const OWN_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/
const TRACE_PATH = /^\/traces\/([0-9a-f]{32})$/

/** Keeps the last spans that came by OTLP over HTTP, in JSON, and tells them by their trace. */
export class CollectedSpans {
  readonly #spans: CollectedSpan[] = []

  get all(): readonly CollectedSpan[] {
    return this.#spans
  }

  /** Answers `POST /v1/traces` and `GET /traces/<trace id>`. */
  readonly answer: RequestListener = (request, response) => {
    this.#answerBody(request).then(
      body => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      () => response.writeHead(404).end()
    )
  }

  async #answerBody(request: IncomingMessage): Promise<object> {
    if (!OWN_HOST.test(request.headers.host ?? '')) throw new Error('a foreign host')
    const [, traceId] = TRACE_PATH.exec(request.url ?? '') ?? []
    if (request.method === 'GET' && traceId !== undefined) {
      return { spans: this.#spans.filter(span => span.traceId === traceId) }
    }
    if (request.method !== 'POST' || request.url !== '/v1/traces') throw new Error('not known')
    this.#spans.push(...spansOfMessage((await json(request)) as OtlpMessage))
    this.#spans.splice(0, Math.max(0, this.#spans.length - MOST_SPANS))
    return {}
  }
}

/** Starts a collector on a free port of loopback, in memory: to look at traces, and for nothing else. */
export async function startLocalCollector(): Promise<LocalCollector> {
  const spans = new CollectedSpans()
  const server = createServer(spans.answer)
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
  return {
    origin,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: origin, OTEL_BSP_SCHEDULE_DELAY: '500' },
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
}

/** @returns the port */
export async function listenOnLoopback(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function spansOfMessage({ resourceSpans }: OtlpMessage): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(span => ({
        ...span,
        links: span.links ?? [],
        attributes: plainAttributes(span.attributes),
        resource: plainAttributes(resource.attributes)
      }))
    )
  )
}

function plainAttributes(pairs: readonly OtlpPair[]): Record<string, unknown> {
  return Object.fromEntries(
    // 64 bits are a text in JSON.
    pairs.map(({ key, value }) => [key, 'intValue' in value ? Number(value.intValue) : Object.values(value)[0]])
  )
}
