import { join } from 'node:path'
import { readJson, type Manifest, type Workspace } from '../packages.ts'

/** What a release depends on beside the sources. */
export interface ReleaseFacts {
  readonly branch: string
  /** Lines of `git status --porcelain`. */
  readonly changedFiles: readonly string[]
  /** Changesets that are not yet in a version. */
  readonly pendingChangesets: readonly string[]
  /** Whether this runs in CI: nobody publishes from a desk. */
  readonly isCi: boolean
}

/** A packed package. */
export interface PackedPackage {
  readonly name: string
  readonly version: string
  /** Absolute path of the tarball. */
  readonly file: string
  readonly fileCount: number
  readonly sizeBytes: number
}

/** What a release does, step by step; a test hands in others. */
export interface ReleaseSteps {
  readonly facts: () => ReleaseFacts
  /** Builds from nothing, so that no file of an older build is packed. */
  readonly build: () => void
  /** @throws when a package is not well formed, does not install alone, or its README does not run */
  readonly check: () => void
  readonly pack: () => readonly PackedPackage[]
  readonly isPublished: (each: PackedPackage) => boolean
  readonly publish: (each: PackedPackage) => void
  readonly print: (line: string) => void
}

/** Why nothing may be published now, one line a reason. */
export function releaseRefusals({ branch, changedFiles, pendingChangesets, isCi }: ReleaseFacts): string[] {
  return [
    ...(branch === 'main' ? [] : [`the branch is ${branch}, not main`]),
    ...(changedFiles.length === 0 ? [] : [`${changedFiles.length} files are not committed`]),
    ...(pendingChangesets.length === 0
      ? []
      : [`${pendingChangesets.length} changesets have no version yet: npm run release:version`]),
    ...(isCi ? [] : ['CI is not set: releases are made by CI'])
  ]
}

/**
 * Builds, checks, packs and publishes all packages, in the order of what they need of ours. A package that is published
 * already is passed over, so a release that broke off can be repeated. A dry run does all of it but publish.
 * @returns whether it went well
 */
export function release(steps: ReleaseSteps, { dryRun }: { readonly dryRun: boolean }): boolean {
  const refusals = releaseRefusals(steps.facts())
  for (const refusal of refusals) steps.print(dryRun ? `would be refused: ${refusal}` : `refused: ${refusal}`)
  if (refusals.length > 0 && !dryRun) return false
  steps.build()
  steps.check()
  for (const each of steps.pack()) {
    const text = `${each.name} ${each.version}, ${each.fileCount} files, ${Math.ceil(each.sizeBytes / 1024)} KiB`
    if (dryRun) steps.print(`would publish ${text}`)
    else if (steps.isPublished(each)) steps.print(`is there already: ${text}`)
    else {
      steps.publish(each)
      steps.print(`published ${text}`)
    }
  }
  if (dryRun) steps.print('dry run: nothing was published')
  return true
}

/** Packages so that each comes after those of ours that it needs. */
export function publishingOrder(packages: readonly Workspace[]): Workspace[] {
  const ordered: Workspace[] = []
  const place = (each: Workspace): void => {
    if (ordered.includes(each)) return
    const { dependencies, peerDependencies } = readJson(join(each.folder, 'package.json')) as Manifest
    const needed = Object.keys({ ...dependencies, ...peerDependencies })
    for (const other of packages) if (needed.includes(other.name)) place(other)
    ordered.push(each)
  }
  for (const each of packages) place(each)
  return ordered
}
