import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { makeAuthority } from '@sallyport/local'

/** A span as the collector got it, with plain attributes. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 2: server, 3: client. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number }
}

/** Takes OTLP over HTTP with TLS, under a certificate of its own authority. */
export interface TraceCollector {
  /** What a process needs to export to it. */
  readonly environment: Readonly<Record<string, string>>
  readonly spans: readonly CollectedSpan[]
  /** What came, as text: to look for what must not be in it. */
  readonly received: () => string
  /** Fields of the last export. */
  readonly headers: () => Readonly<Record<string, unknown>>
  /** The first answer that is not `undefined`, asked again with each export. */
  readonly until: <Found>(find: (spans: readonly CollectedSpan[]) => Found | undefined) => Promise<Found>
  readonly close: () => Promise<void>
}

interface OtlpPair {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface OtlpMessage {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly OtlpPair[] }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<
        Omit<CollectedSpan, 'attributes' | 'resource'> & { readonly attributes: readonly OtlpPair[] }
      >
    }>
  }>
}

/** Starts a collector on a free port. */
export async function startTraceCollector(): Promise<TraceCollector> {
  const authority = await makeAuthority({ name: 'Collector CA' })
  const issued = await authority.issue({ names: ['localhost'] })
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-collector-'))
  const caPath = join(directory, 'ca.pem')
  writeFileSync(caPath, issued.ca)
  const spans: CollectedSpan[] = []
  const waiting = new Set<() => void>()
  const texts: string[] = []
  let headers = {}
  const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (request, response) => {
    void json(request).then(body => {
      headers = request.headers
      texts.push(JSON.stringify(body))
      spans.push(...spansOf(body as OtlpMessage))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      for (const ask of [...waiting]) ask()
    })
  })
  const port = await listenAnywhere(server)
  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: caPath,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=canary-of-the-collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '200'
    },
    spans,
    received: () => texts.join('\n'),
    headers: () => headers,
    until: async find =>
      new Promise(resolve => {
        const ask = (): void => {
          const found = find(spans)
          if (found === undefined) return
          waiting.delete(ask)
          resolve(found)
        }
        waiting.add(ask)
        ask()
      }),
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      rmSync(directory, { recursive: true })
    }
  }
}

async function listenAnywhere(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, resolve))
  return (server.address() as AddressInfo).port
}

function spansOf({ resourceSpans }: OtlpMessage): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(span => ({
        ...span,
        attributes: plainAttributes(span.attributes),
        resource: plainAttributes(resource.attributes)
      }))
    )
  )
}

function plainAttributes(pairs: readonly OtlpPair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]))
}
