import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import {
  describeRoutes,
  explainRequest,
  readRoutesOverlay,
  type RequestExplanation,
  type RouteDescription
} from '@sallyport/forwarding/document'
import type { AppRoute } from '@sallyport/security-context'
import { type FurtherCommands, ProgramUsageError } from '@sallyport/service-process'
import { readRouteSettings, withSettingsDefaults } from '../route-defaults.ts'
import { ownRoutes, partsOfEnvironment } from '../gateway-parts.ts'
import { mistakeLines, openRoutesFile, type RoutesFile, type RoutesReading } from '../routes-file.ts'
import { explanationText } from './explanation-text.ts'
import { targetsText } from './guard-words.ts'
import { accessInWords, alignedRows, credentialText, strategiesText } from './words.ts'

/** Where a command prints to. */
export interface CommandOutput {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

interface CommandCall extends CommandOutput {
  readonly words: readonly string[]
  readonly options: {
    readonly file?: string
    readonly overlay?: string
    readonly host?: string
    readonly json?: boolean
  }
  readonly environment: Readonly<Record<string, string | undefined>>
}

const ROUTE_COMMANDS = { check: checkFile, routes: listRoutes, explain: explainOne } as const

const ROUTE_COMMANDS_HELP = [
  'check [FILE]                    Says every mistake of a file of routes, with line and column.',
  'routes [FILE]                   Says who may pass where.',
  'explain METHOD PATH [--host H]  Says what becomes of a request: route, checks, target, headers, limits.',
  '  --file FILE, --json           FILE is SALLYPORT_ROUTES_PATH unless it is given; nothing is sent anywhere.',
  '  --overlay FILE                With the overlay in FILE, in place of SALLYPORT_ROUTES_OVERLAY.'
].join('\n  ')

/** The commands of the gateway over its file of routes. They read that file and their environment, nothing else. */
export function routeCommands(output: CommandOutput = standardOutput): FurtherCommands {
  return {
    help: ROUTE_COMMANDS_HELP,
    run: async ([name = '', ...rest], environment) => {
      if (!isCommandName(name)) throw new ProgramUsageError(`there is no command ${name}`)
      const { positionals: words, values: options } = parsedArguments(rest)
      return ROUTE_COMMANDS[name]({ words, options, environment, ...output })
    }
  }
}

function isCommandName(name: string): name is keyof typeof ROUTE_COMMANDS {
  return Object.hasOwn(ROUTE_COMMANDS, name)
}

function parsedArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        file: { type: 'string' },
        overlay: { type: 'string' },
        host: { type: 'string' },
        json: { type: 'boolean' }
      },
      strict: true,
      allowPositionals: true
    })
  } catch (error) {
    throw new ProgramUsageError(error instanceof Error ? error.message : String(error))
  }
}

function checkFile(call: CommandCall): number {
  const { file, table, mistakes, lines } = readCalledRoutes(call, call.words[0])
  if (call.options.json === true) {
    call.out(JSON.stringify({ file: file.path, isValid: table !== null, mistakes }, null, 2))
  }
  if (table === null) {
    if (call.options.json !== true) call.error(lines.join('\n'))
    return 1
  }
  const [routes, upstreams] = [table.routes.length, Object.keys(table.upstreams).length]
  if (call.options.json !== true) call.out(`${basename(file.path)}: ${routes} routes to ${upstreams} upstreams`)
  return 0
}

function listRoutes(call: CommandCall): number {
  return withTable(call, call.words[0], table => {
    const routes = describeRoutes(table)
    call.out(call.options.json === true ? JSON.stringify(routes, null, 2) : routesText(routes))
    return 0
  })
}

function explainOne(call: CommandCall): number {
  const [method, url, ...more] = call.words
  if (method === undefined || url === undefined || more.length > 0 || !url.startsWith('/')) {
    throw new ProgramUsageError('explain METHOD PATH, where the path begins with /')
  }
  return withTable(call, undefined, table => {
    const request = { method: method.toUpperCase(), url, host: call.options.host ?? '' }
    const explanation: RequestExplanation = explainRequest(table, request)
    call.out(call.options.json === true ? JSON.stringify(explanation, null, 2) : explanationText(request, explanation))
    return explanation.outcome === 'forwarded' ? 0 : 1
  })
}

function withTable(
  call: CommandCall,
  path: string | undefined,
  use: (table: Parameters<typeof describeRoutes>[0]) => number
): number {
  const { table, lines } = readCalledRoutes(call, path)
  if (table !== null) return use(withSettingsDefaults(table, readRouteSettings(call.environment)))
  call.error(lines.join('\n'))
  return 1
}

/** The table of a file under its overlay, or the mistakes of the file, else those of the overlay. */
interface CalledRoutes extends Pick<RoutesReading, 'table' | 'mistakes'> {
  readonly file: RoutesFile
  /** The mistakes as they are printed. */
  readonly lines: readonly string[]
}

function readCalledRoutes(call: CommandCall, path: string | undefined): CalledRoutes {
  const { options, environment } = call
  const own = ownRoutes(partsOfEnvironment(environment))
  const file = fileOfCall(call, path, own)
  const { table, mistakes } = file.read()
  const overlay =
    options.overlay === undefined ? readRouteSettings(environment).routesOverlay : overlayText(options.overlay)
  if (table === null || overlay === undefined) {
    return { file, table, mistakes, lines: mistakeLines(file.path, mistakes) }
  }
  const reading = readRoutesOverlay(overlay, table, own)
  return { file, ...reading, lines: mistakeLines(options.overlay ?? 'routesOverlay', reading.mistakes) }
}

function overlayText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new ProgramUsageError(`${path} cannot be read`)
  }
}

function fileOfCall(
  { options, environment }: CommandCall,
  given: string | undefined,
  own: readonly AppRoute[]
): RoutesFile {
  const path = given ?? options.file ?? environment.SALLYPORT_ROUTES_PATH
  if (path === undefined) throw new ProgramUsageError('no file: name one, or set SALLYPORT_ROUTES_PATH')
  return openRoutesFile(path, environment, own)
}

function routesText(routes: readonly RouteDescription[]): string {
  const head = ['METHODS', 'HOST', 'PATH', 'MAY PASS', 'PROVEN BY', 'UPSTREAM', 'CREDENTIAL']
  const rows = routes.map(route => [
    route.methods.join(','),
    route.hosts?.join(',') ?? '*',
    route.path,
    accessInWords(route.access),
    strategiesText(route),
    `${route.upstream} (${targetsText(route)})`,
    credentialText(route.credential)
  ])
  return alignedRows([head, ...rows])
}

const standardOutput: CommandOutput = {
  out: text => {
    process.stdout.write(`${text}\n`)
  },
  error: text => {
    process.stderr.write(`${text}\n`)
  }
}
