// `npm test`: all tests, in few processes. `npm test -- --again`: those that also run under other conditions, under
// these. `npm test -- <file …>`: these files, each in a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../packages.ts'
import { processesAgain, processesFor, type TestProcess } from './groups.ts'

const FOLDER = join(ROOT, '.sallyport/test-processes')
const RUN_FILES = join(ROOT, 'test/support/runner/run-files.ts')
/** A service may have its tests in its own folder. */
const TEST_FILES = ['test/**/*.test.ts', 'reference-services/*/test/**/*.test.ts']
const LEAN_PROCESS = new URL('lean-process.mjs', import.meta.url).href
/** Absolute: processes that tests start elsewhere use it too. */
const COMPILE_CACHE = join(ROOT, '.sallyport/compile-cache')
/** One file's limit, as in `.taprc`; a process has as much as its files may need together. */
const FILE_TIMEOUT_MS = 300_000
const PROCESS_TIMEOUT_SECONDS = 1200

function writeEntry({ name, files, environment }: TestProcess, index: number): string {
  // tap starts them in the order of their names.
  const entry = join(FOLDER, `${String(index + 1).padStart(2, '0')}-${name}.test.ts`)
  writeFileSync(
    entry,
    [
      `import { runFiles } from ${JSON.stringify(RUN_FILES)}`,
      `Object.assign(process.env, ${JSON.stringify(environment)})`,
      `await runFiles(${JSON.stringify(files.map(file => join(ROOT, file)))}, ${FILE_TIMEOUT_MS})`,
      ''
    ].join('\n')
  )
  return entry
}

function entries(): string[] {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const files = globSync(TEST_FILES, { cwd: ROOT }).sort()
  return (again ? processesAgain(files) : processesFor(files)).map(writeEntry)
}

const again = process.argv.includes('--again')
const given = process.argv.slice(2).filter(argument => argument !== '--again')
const options = given.filter(argument => argument.startsWith('-'))
const files = given.filter(argument => !argument.startsWith('-'))
const run = files.length > 0 ? files : [`--timeout=${PROCESS_TIMEOUT_SECONDS}`, ...entries()]
const { NODE_OPTIONS: own = '' } = process.env
const environment = {
  SALLYPORT_TEST_CLUSTER: join(ROOT, `.sallyport/test-cluster-${process.pid}`),
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  NODE_OPTIONS: `${own} --import=${LEAN_PROCESS}`,
  SALLYPORT_TEST_NODE_OPTIONS: own
}
const environmentOptions = Object.entries(environment).map(([name, value]) => `--test-env=${name}=${value}`)
const tap = spawn('tap', ['run', ...environmentOptions, ...options, ...run], {
  cwd: ROOT,
  stdio: 'inherit',
  // Else the scripts before and after the tests would be the ones whose coverage is collected and told.
  env: {
    ...process.env,
    SALLYPORT_TEST_CLUSTER: environment.SALLYPORT_TEST_CLUSTER,
    _TAPJS_PROCESSINFO_COVERAGE_: '0'
  }
})
const [code] = (await once(tap, 'exit')) as [number | null]
process.exitCode = code ?? 1
