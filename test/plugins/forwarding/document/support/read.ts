// Reads documents as tests write them: no files but those of the test.
import { readGatewayDocument, type DocumentReading, type ReferenceSources } from '@sallyport/forwarding/document'

export const FOLDER = '/etc/gateway'

/** Sources of references: these variables, and these files by absolute path. */
export function sourcesOf(
  environment: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {}
): ReferenceSources {
  return {
    environment,
    folder: FOLDER,
    readFile: path => {
      const content = files[path]
      if (content === undefined) throw new Error(`ENOENT ${path}`)
      return content
    }
  }
}

export function readText(text: string, sources = sourcesOf()): DocumentReading {
  return readGatewayDocument(text, sources)
}

/** `line:column message` of every mistake. */
export function mistakesIn(text: string, sources = sourcesOf()): string[] {
  return readText(text, sources).mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

/** A document with one upstream and the route whose members these lines are. */
export function withRoute(lines: string): string {
  return `upstreams:
  orders:
    origin: https://orders.internal:8443
routes:
  - path: /orders/*
    upstream: orders
${lines.replaceAll(/^/gm, '    ')}
`
}

/** The members that every route needs. */
export const PLAIN = 'forward: none\naccess: authenticated'
