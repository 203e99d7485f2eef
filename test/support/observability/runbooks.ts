// What the commands of docs/runbooks name, and whether it exists.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT, workspaces } from '../packages.ts'
import { readmeBlocks } from '../readme-blocks.ts'
import { readRules } from './alert-rules.ts'
import { OPERATIONS_SECTIONS, SECURITY_SECTIONS } from './dashboard-panels.ts'
import { readPromql } from './read-promql.ts'

/** The headings of every page. */
export const RUNBOOK_SECTIONS = ['Meaning', 'Impact', 'Look at', 'Mend', 'Cleared']

const run = promisify(execFile)
/** Tools of the operating system and of Prometheus. */
const TOOLS = new Set('curl eval grep head journalctl openssl promtool psql sort systemctl tail'.split(' '))
/** Paths of the operations listener, and those that clients are told of. */
const PATHS = [
  /^"?\$OPERATIONS\/(?:metrics|info|health\/(?:live|ready|startup))"?$/,
  /^"\$GATEWAY\/audit\/(?:reference-gateway|auth-server|(?:order|restaurant|delivery)-service)\?[\w.=&$-]+"$/,
  /^"\$ISSUER\/\.well-known\/oauth-authorization-server"$/
]
const SERVICES = /^sallyport@(?:gateway|auth-server|(?:order|restaurant|delivery)-service)$/
const AUTH_CALL = ['npm', 'run', 'auth', '--']

/** The lines of a page that ask a running stack or its Prometheus, and change nothing. */
export function askingLines(page: string): string[] {
  return commandLines(page).filter(line => /^(?:promtool query|curl) /.test(line))
}

function commandLines(page: string): string[] {
  return readmeBlocks(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.replaceAll(/ \\\n */g, ' ').split('\n'))
    .filter(line => line !== '')
}

/** Commands of a page's blocks that name a script, program, unit, path or metric that there is not. */
export async function commandMistakes(page: string): Promise<string[]> {
  const lines = commandLines(page)
  const mistakes = await Promise.all(lines.map(async line => ((await isKnownLine(line)) ? [] : [line])))
  return mistakes.flat()
}

async function isKnownLine(line: string): Promise<boolean> {
  const metrics = knownMetrics()
  const named = line.match(/\bsallyport_\w+/g) ?? []
  if (!named.every(metric => metrics.has(metric))) return false
  const commands = line.split(/ \| (?=[a-z])/).map(command => command.match(/"[^"]*"|'[^']*'|\S+/g) ?? [])
  for (const words of commands) if (!(await isKnownCommand(words))) return false
  return true
}

async function isKnownCommand(words: readonly string[]): Promise<boolean> {
  const [program = '', ...args] = words
  if (program === 'npm') return await isKnownScript(words)
  if (program.startsWith('sallyport-')) return await hasCommand(program, args)
  if (program === 'curl') return PATHS.some(path => args.some(arg => path.test(arg)))
  if (program === 'systemctl' || program === 'journalctl') return args.some(arg => SERVICES.test(arg))
  return TOOLS.has(program)
}

async function isKnownScript(words: readonly string[]): Promise<boolean> {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  if (AUTH_CALL.every((word, index) => words[index] === word)) {
    return await hasCommand('sallyport-auth-server', words.slice(AUTH_CALL.length))
  }
  return words[1] === 'run' && Object.hasOwn(scripts, words[2] ?? '')
}

/** Whether the help of an executable lists the command, which is one word or two: `start`, `keys list`. */
async function hasCommand(executable: string, [noun = '', verb = '']: readonly string[]): Promise<boolean> {
  const file = executables().get(executable)
  if (file === undefined) return false
  const texts = await Promise.all([['--help'], ['help', noun]].map(async args => await helpOf(file, args)))
  return texts
    .flatMap(text => text.split('\n'))
    .map(line => line.trim().split(/\s+/))
    .some(([first, second = '[]']) => first === noun && (second === verb || /^(?:[[-]|[A-Z])/.test(second)))
}

const helps = new Map<string, Promise<string>>()

async function helpOf(file: string, args: readonly string[]): Promise<string> {
  const key = [file, ...args].join(' ')
  const asked =
    helps.get(key) ??
    run(process.execPath, ['--conditions=@sallyport/source', file, ...args], { cwd: ROOT }).then(
      ({ stdout }) => stdout,
      () => ''
    )
  helps.set(key, asked)
  return await asked
}

function executables(): Map<string, string> {
  return new Map(
    workspaces().flatMap(({ folder }) => {
      const { bin = {} } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as {
        bin?: Record<string, string>
      }
      return Object.entries(bin).map(([name, file]) => [name, join(ROOT, folder, file)] as const)
    })
  )
}

/** Metrics of the rules and dashboards, whose names are compared with what processes expose. */
function knownMetrics(): ReadonlySet<string> {
  const { alerts, recordings } = readRules()
  const expressions = [
    ...[...alerts, ...recordings].map(({ expr }) => expr),
    ...[...OPERATIONS_SECTIONS, ...SECURITY_SECTIONS].flatMap(({ graphs }) =>
      graphs.flatMap(({ queries }) => Object.values(queries))
    )
  ]
  return new Set(expressions.flatMap(expression => readPromql(expression).selectors.map(({ metric }) => metric)))
}
