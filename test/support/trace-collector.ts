import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CollectedSpans, listenOnLoopback, makeAuthority, type CollectedSpan } from '@sallyport/local'

export type { CollectedSpan } from '@sallyport/local'

/** Takes OTLP over HTTP with TLS, under a certificate of its own authority. */
export interface TraceCollector {
  /** What a process needs to export to it. */
  readonly environment: Readonly<Record<string, string>>
  /** Where the spans of a trace are asked for: plain HTTP. */
  readonly queryOrigin: string
  readonly spans: () => readonly CollectedSpan[]
  /** What came, as text: to look for what must not be in it. */
  readonly received: () => string
  /** Fields of the last export. */
  readonly headers: () => Readonly<Record<string, unknown>>
  /** The first answer that is not `undefined`, asked again with each export. */
  readonly until: <Found>(find: (spans: readonly CollectedSpan[]) => Found | undefined) => Promise<Found>
  readonly close: () => Promise<void>
}

/** Starts a collector on a free port. */
export async function startTraceCollector(): Promise<TraceCollector> {
  const authority = await makeAuthority({ name: 'Collector CA' })
  const issued = await authority.issue({ names: ['localhost'] })
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-collector-'))
  const caPath = join(directory, 'ca.pem')
  writeFileSync(caPath, issued.ca)
  const collected = new CollectedSpans()
  const waiting = new Set<() => void>()
  const texts: Buffer[] = []
  let headers = {}
  const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (request, response) => {
    headers = request.headers
    request.on('data', (chunk: Buffer) => texts.push(chunk))
    response.on('finish', () => {
      for (const ask of [...waiting]) ask()
    })
    collected.answer(request, response)
  })
  const queries = createPlainServer(collected.answer)
  const port = await listenOnLoopback(server)
  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: caPath,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=canary-of-the-collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '200'
    },
    queryOrigin: `http://127.0.0.1:${await listenOnLoopback(queries)}`,
    spans: () => collected.all,
    received: () => Buffer.concat(texts).toString(),
    headers: () => headers,
    until: async find =>
      await new Promise(resolve => {
        const ask = (): void => {
          const found = find(collected.all)
          if (found === undefined) return
          waiting.delete(ask)
          resolve(found)
        }
        waiting.add(ask)
        ask()
      }),
    close: async () => {
      for (const one of [server, queries]) {
        one.closeAllConnections()
        await new Promise(resolve => one.close(resolve))
      }
      rmSync(directory, { recursive: true })
    }
  }
}
