import { createRequire } from 'node:module'

/** What runs here. */
export interface BuildFacts {
  /** Of the packages, which are released together. */
  readonly version: string
  /** `null` when nobody said. */
  readonly commit: string | null
  /** Of Node, without the `v`. */
  readonly node: string
}

/** @param commit the setting of whoever built the process */
export function buildFacts(commit: string | undefined): BuildFacts {
  const own: unknown = createRequire(import.meta.url)('../package.json')
  const version = typeof own === 'object' && own !== null && 'version' in own ? String(own.version) : 'unknown'
  return Object.freeze({ version, commit: commit ?? null, node: process.versions.node })
}
