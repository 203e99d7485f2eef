import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { RouteTableOptions } from '@sallyport/forwarding'
import { type DocumentMistake, readGatewayDocument } from '@sallyport/forwarding/document'
import type { AppRoute } from '@sallyport/security-context'
import { canonicalJson } from '@sallyport/security-context/mechanics'
import { RoutesInvalidError } from './errors.ts'

/** What a file of routes says: a table, or every mistake as `gateway.yaml:12:7: message`. */
export type RoutesReading =
  | { readonly table: RouteTableOptions; readonly mistakes: readonly [] }
  | { readonly table: null; readonly mistakes: readonly RoutesMistake[] }

/** A mistake and where it is; the file itself has no line. */
export interface RoutesMistake extends Partial<DocumentMistake> {
  readonly message: string
}

/** A file of routes. */
export interface RoutesFile {
  /** Absolute. */
  readonly path: string
  readonly read: () => RoutesReading
}

/**
 * A file of routes and upstreams. Its references are read with it: relative paths begin in its folder.
 * @param environment `process.env`
 * @param own routes of the gateway itself
 */
export function openRoutesFile(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
  own: readonly AppRoute[]
): RoutesFile {
  const absolute = resolve(path)
  const readFile = (file: string): string => readFileSync(file, 'utf8')
  return {
    path: absolute,
    read: () => {
      let text: string
      try {
        text = readFile(absolute)
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
        return { table: null, mistakes: [{ message: `cannot be read${reason}` }] }
      }
      return readGatewayDocument(text, { environment, folder: dirname(absolute), readFile }, own)
    }
  }
}

/** The mistakes of a file, one a line. */
export function mistakeLines(path: string, mistakes: readonly RoutesMistake[]): string[] {
  return mistakes.map(({ line, column, message }) => {
    const place = line === undefined ? '' : `${line}:${column}:`
    return `${basename(path)}:${place} ${message}`
  })
}

/**
 * The table of a file that was read.
 * @throws {RoutesInvalidError} `SALLYPORT_GATEWAY_ROUTES_INVALID`, with every mistake and no value of a reference
 */
export function tableOfReading({ path }: RoutesFile, { table, mistakes }: RoutesReading): RouteTableOptions {
  if (table === null) throw new RoutesInvalidError(mistakeLines(path, mistakes).join('\n'))
  return table
}

/** The same text for two readings that say the same; it says nothing of the secrets in them. */
export function routesFingerprint({ table, mistakes }: RoutesReading): string {
  return createHash('sha256').update(canonicalJson({ table, mistakes })).digest('base64url')
}
