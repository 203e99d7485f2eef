import { readFileSync } from 'node:fs'
import { isJsonObject, parseJson } from '@sallyport/security-context/mechanics'
import { askElsewhere, isSafeAddress, textOfAnswer } from '../ask-elsewhere.ts'
import { parseAuditQuery } from '../query.ts'
import { isSealedRecord, type FoundRecord } from '../search/search-trails.ts'
import { visibleText } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import type { CommandEnvironment } from './open-trail.ts'
import { askedFor, type CommandOptions } from './read-commands.ts'
import { showRow } from './show-row.ts'
import { readCommandVariable } from './trail-environment.ts'

/** A gateway that searches and follows the trails of all processes for who asks. */
export interface AskedGateway {
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
  readonly ca: string | undefined
}

const GATEWAY_PAGE_ROWS = 100
const MOST_PAGE_BYTES = 16_777_216
const PAGE_TIMEOUT_MS = 60_000

/**
 * `search --gateway`: rows of all trails, by time. The gateway and each process record it.
 * @returns 1 where a trail did not answer, which is named on standard error
 */
export async function searchAtGateway(
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const gateway = askedGateway(options, environment)
  const filters = gatewayFilters(options)
  let left = options.all === true ? Infinity : Number(options.limit ?? 100)
  let after: string | undefined
  const missing = new Set<string>()
  while (left > 0 && terminal.signal?.aborted !== true) {
    const limit = Math.min(left, GATEWAY_PAGE_ROWS)
    const page = await gatewayPage(gateway, { ...filters, limit: String(limit), ...(after !== undefined && { after }) })
    for (const row of page.events) await terminal.out(showFound(row, options.json === true))
    for (const one of page.missing) {
      if (!missing.has(one)) terminal.error(`missing: ${one}\n`)
      missing.add(one)
    }
    left -= page.events.length
    // Those that are missing go on where they were, and the cursor never ends: what answered is shown.
    if (page.next === null || page.events.length === 0) break
    after = page.next
  }
  return missing.size === 0 ? EXIT.done : EXIT.failed
}

/** @throws {AuditUsageError} */
export function askedGateway(options: CommandOptions, environment: CommandEnvironment): AskedGateway {
  const unfit = ['personal', 'name', 'source-address', 'lines', 'after'].find(name => options[name] !== undefined)
  if (unfit !== undefined) throw new AuditUsageError(`--${unfit} is for the trail of one database`)
  const url = String(options.gateway)
  if (!isSafeAddress(url)) throw new AuditUsageError('--gateway is no https:// address, nor one of this machine')
  const authorization = readCommandVariable(environment, 'SALLYPORT_AUDIT_AUTHORIZATION')
  if (authorization === undefined) throw new AuditUsageError('SALLYPORT_AUDIT_AUTHORIZATION is missing')
  const { ca: path } = options
  return {
    origin: new URL(url).origin,
    headers: { authorization },
    ca: typeof path === 'string' ? caAt(path) : undefined
  }
}

function caAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new AuditUsageError('the file of --ca cannot be read')
  }
}

/** Checked here too: a misspelt filter is a wrong call, and asks nobody. */
export function gatewayFilters(options: CommandOptions): Record<string, string> {
  const asked = Object.entries(askedFor(options)).filter((entry): entry is [string, string] => entry[1] !== undefined)
  parseAuditQuery(Object.fromEntries(asked))
  return Object.fromEntries(asked)
}

interface GatewayPage {
  readonly events: readonly FoundRecord[]
  readonly next: string | null
  readonly missing: readonly string[]
}

async function gatewayPage({ origin, ...gateway }: AskedGateway, query: Record<string, string>): Promise<GatewayPage> {
  const url = `${origin}/audit/events?${new URLSearchParams(query).toString()}`
  const answer = await askElsewhere(url, { ...gateway, signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) })
  if (answer.statusCode !== 200) throw new Error(await gatewayRefusal(answer.statusCode, answer))
  const page = parseJson(await textOfAnswer(answer, MOST_PAGE_BYTES))
  if (!isJsonObject(page) || !Array.isArray(page.events) || !page.events.every(isFoundRecord)) {
    throw new Error('the gateway answered something else than a page')
  }
  const missing = Array.isArray(page.missing) ? page.missing : []
  return {
    events: page.events,
    next: typeof page.next === 'string' ? page.next : null,
    missing: missing.map(one => (isJsonObject(one) ? visibleText(`${String(one.trail)} ${String(one.reason)}`) : '?'))
  }
}

/** Why a gateway refuses, for who asked. */
export async function gatewayRefusal(
  status: number | undefined,
  answer: Parameters<typeof textOfAnswer>[0]
): Promise<string> {
  const problem = parseJson(await textOfAnswer(answer, MOST_PAGE_BYTES))
  const code = isJsonObject(problem) && typeof problem.code === 'string' ? visibleText(problem.code) : ''
  return `the gateway answered ${status} ${code}`.trimEnd()
}

/** Whether a value is a row of one of several trails. */
export function isFoundRecord(value: unknown): value is FoundRecord {
  return isSealedRecord(value) && 'trail' in value && typeof value.trail === 'string'
}

/** What another process leaves out of a row is shown as nothing, and is no failure of the command. */
export function showFound(row: FoundRecord, asJson: boolean): string {
  return asJson ? showRow(row, true) : `${visibleText(row.trail)}  ${showRow({ ...EMPTY_ROW, ...row }, false)}`
}

const EMPTY_ROW = {
  ...{ process: '-', outcome: '-', action: '-', subject: null, clientId: null },
  ...{ resourceType: null, resourceId: null, reason: null, repeats: 1 }
} as const
