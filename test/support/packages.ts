import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A workspace of the repository. */
export interface Workspace {
  /** Folder relative to the root: `plugins/health`. */
  readonly folder: string
  readonly name: string
  readonly published: boolean
}

/** Every workspace, in the order of the root package.json. */
export function workspaces(): Workspace[] {
  const { workspaces: patterns } = readJson('package.json') as { workspaces: string[] }
  const folders = patterns.flatMap(pattern =>
    pattern.endsWith('/*')
      ? readdirSync(join(ROOT, pattern.slice(0, -2)))
          .sort()
          .map(name => join(pattern.slice(0, -2), name))
      : [pattern]
  )
  return folders
    .filter(folder => existsSync(join(ROOT, folder, 'package.json')))
    .map(folder => {
      const manifest = readJson(join(folder, 'package.json')) as Manifest
      return { folder, name: manifest.name, published: manifest.private !== true }
    })
}

/** The text of every source file of the packages, by its path from the root. */
export function readSources(): Map<string, string> {
  return readFiles('.ts')
}

/** The JSON Schemas that stand beside the sources, parsed, by file. */
export function readSchemas(): Map<string, unknown> {
  return new Map([...readFiles('.schema.json')].map(([file, text]) => [file, JSON.parse(text) as unknown]))
}

function readFiles(ending: string): Map<string, string> {
  return new Map(
    workspaces().flatMap(({ folder }) =>
      readdirSync(join(ROOT, folder, 'src'), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith(ending))
        .sort()
        .map(name => join(folder, 'src', name))
        .map(file => [file, readFileSync(join(ROOT, file), 'utf8')] as const)
    )
  )
}

/** What this project reads from a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly type?: string
  readonly license?: string
  readonly description?: string
  readonly keywords?: readonly string[]
  readonly homepage?: string
  readonly bugs?: unknown
  readonly repository?: { readonly type: string; readonly url: string; readonly directory?: string }
  readonly engines?: unknown
  readonly bin?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly sideEffects?: unknown
  readonly publishConfig?: unknown
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** @param path relative to the root */
export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
}
