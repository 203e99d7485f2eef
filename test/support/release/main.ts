// `npm run release [-- --dry-run]`: builds, checks and packs all packages, and publishes them unless it is a dry run.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, workspaces } from '../packages.ts'
import { publishingOrder, release, type PackedPackage } from './release.ts'

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } })
const packages = publishingOrder(workspaces().filter(({ published }) => published))
const destination = join(ROOT, '.sallyport/release')

function output(file: string, given: readonly string[]): string {
  return execFileSync(file, given, { cwd: ROOT, encoding: 'utf8' })
}

function run(file: string, given: readonly string[]): void {
  execFileSync(file, given, { cwd: ROOT, stdio: 'inherit' })
}

function build(): void {
  for (const { folder } of packages) rmSync(join(ROOT, folder, 'dist'), { recursive: true, force: true })
  run('npm', ['run', 'build', '--', '--force'])
}

function pack(): PackedPackage[] {
  rmSync(destination, { recursive: true, force: true })
  mkdirSync(destination, { recursive: true })
  return packages.map(({ folder }) => {
    const packed = JSON.parse(
      output('npm', ['pack', '--json', '--workspace', folder, '--pack-destination', destination])
    ) as unknown
    // A list of one in npm 11, an object by name in npm 12.
    const [facts] = Object.values(packed as object) as Array<PackFacts | undefined>
    if (facts === undefined) throw new Error(`npm packed nothing in ${folder}`)
    const { name, version, filename, files, size } = facts
    return { name, version, file: join(destination, filename), fileCount: files.length, sizeBytes: size }
  })
}

interface PackFacts {
  readonly name: string
  readonly version: string
  readonly filename: string
  readonly size: number
  readonly files: readonly unknown[]
}

function isPublished({ name, version }: PackedPackage): boolean {
  try {
    return output('npm', ['view', `${name}@${version}`, 'version']).trim() === version
  } catch {
    return false
  }
}

const isDone = release(
  {
    facts: () => ({
      branch: output('git', ['rev-parse', '--abbrev-ref', 'HEAD']).trim(),
      changedFiles: output('git', ['status', '--porcelain']).split('\n').filter(Boolean),
      pendingChangesets: readdirSync(join(ROOT, '.changeset')).filter(
        name => name.endsWith('.md') && name !== 'README.md'
      ),
      isCi: (process.env.CI ?? '') !== ''
    }),
    build,
    check: () => {
      run('npm', ['run', '--silent', 'check:packages'])
    },
    pack,
    isPublished,
    publish: ({ file }) => {
      run('npm', ['publish', file, '--access', 'public', '--provenance'])
    },
    print: line => {
      console.log(line)
    }
  },
  { dryRun: values['dry-run'] }
)
process.exitCode = isDone ? 0 : 1
