// One package as somebody else has it: installed from its files into an empty folder, with what its README says.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readJson, ROOT, type Manifest, type Workspace } from './packages.ts'
import { installSteps, readmePrograms } from './readme-blocks.ts'

const execute = promisify(execFile)
const TIMEOUT_MS = 180_000

const COMPILER_OPTIONS = {
  module: 'nodenext',
  target: 'es2024',
  lib: ['es2024'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true
}

/** Where packages are tried, and on what. */
export interface TrialPlace {
  /** Folder with the packed files of all packages. */
  readonly packs: string
  /** Folder in which each package gets one of its own. */
  readonly services: string
  /** The Node that runs the programs. */
  readonly node: string
  /** A Node that is too old, to see what a package says on it; `null` where there is none. */
  readonly oldNode: string | null
}

/** Packs packages as npm would publish them; they have to be built. */
export async function packPackages(packages: readonly Workspace[], destination: string): Promise<void> {
  mkdirSync(destination, { recursive: true })
  const chosen = packages.flatMap(({ folder }) => ['--workspace', folder])
  await run('npm', ['pack', '--silent', '--pack-destination', destination, ...chosen], ROOT)
}

/**
 * Installs a package alone with what its README says, compiles the README's programs, and runs them as written.
 * @throws the first of these that fails, with its output
 */
export async function tryPackage({ name, folder }: Workspace, place: TrialPlace): Promise<void> {
  const readme = readFileSync(join(ROOT, folder, 'README.md'), 'utf8')
  const service = join(place.services, folder.replaceAll('/', '-'))
  mkdirSync(service, { recursive: true })
  writeFileSync(join(service, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const { packed, beside } = installSteps(readme)
  const files = packed.map(each => join(place.packs, packedName(each)))
  const install = ['install', '--silent', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', [...install, ...files, ...beside, `@types/node@${typesOfNode()}`], service)

  const programs = readmePrograms(readme).map((code, index) => ({ file: `readme-${index + 1}.ts`, code }))
  for (const { file, code } of programs) writeFileSync(join(service, file), code)
  const configuration = { compilerOptions: COMPILER_OPTIONS, files: programs.map(({ file }) => file) }
  writeFileSync(join(service, 'tsconfig.json'), JSON.stringify(configuration))
  await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], service)
  for (const { file } of programs) await run(place.node, ['--experimental-strip-types', file], service)
  if (place.oldNode !== null) await refusesOldNode(name, service, place.oldNode)
}

async function refusesOldNode(name: string, service: string, oldNode: string): Promise<void> {
  const program = `import('${name}').then(() => 'loads', ({ code }) => code).then(console.log)`
  const said = (await run(oldNode, ['--input-type=module', '--eval', program], service)).trim()
  if (said !== 'SALLYPORT_NODE_TOO_OLD') throw new Error(`on an old Node ${name} says ${said}`)
}

function packedName(folder: string): string {
  const { name, version } = readJson(join(folder, 'package.json')) as Manifest
  return `${name.slice(1).replace('/', '-')}-${version}.tgz`
}

function typesOfNode(): string {
  return (readJson('package.json') as { devDependencies: Record<string, string> }).devDependencies['@types/node'] ?? ''
}

async function run(file: string, given: readonly string[], cwd: string): Promise<string> {
  try {
    return (await execute(file, given, { cwd, timeout: TIMEOUT_MS })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${[file, ...given].join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}
