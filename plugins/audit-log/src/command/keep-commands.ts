import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { pipeline } from 'node:stream/promises'
import type { Knex } from 'knex'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { sealsRoot } from '../checkpoint/prove-event.ts'
import { checkpointKeys } from '../checkpoint/checkpoint-options.ts'
import { exportTrail, type ExportOptions } from '../export-trail.ts'
import { pruneAudit, type RetentionClass } from '../prune.ts'
import { parseAuditQuery } from '../query.ts'
import { sealNow } from '../seal-now.ts'
import { readHead, type AuditHead } from '../seal-pending.ts'
import { verifyChain } from '../verify-chain.ts'
import { verifyExport } from '../verify-export.ts'
import { visibleJson, visibleText } from '../visible-text.ts'
import { AuditUsageError, EXIT, progressLine, type AuditTerminal } from './audit-terminal.ts'
import { readCheckpoint, readVerifierKeys, verifyAnchor, verifyProof } from './proof-commands.ts'
import type { CommandOptions } from './read-commands.ts'
import { auditTrailOptions } from '../settings/trail-options.ts'
import type { CommandEnvironment } from './open-trail.ts'
import { COMMAND_PROCESS, recordReading } from './record-reading.ts'
import { checkpointSettings } from './trail-environment.ts'
import { readTrailSecrets } from './trail-secrets.ts'

/** `verify`: the whole trail in one snapshot, or an export without any database. */
export async function verifyTrail(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal
): Promise<number> {
  const expected = typeof options.head === 'string' ? parseHead(options.head) : undefined
  if (typeof options.proof === 'string') return await verifyProof(options, terminal)
  if (typeof options.anchor === 'string') return await verifyAnchor(options, terminal)
  const checkpoint = readCheckpoint(options)
  if (typeof options.export === 'string') {
    return await verifyExportFile({ path: options.export, expected, checkpoint }, options, terminal)
  }
  const showProgress = progressLine(terminal)
  const db = openDb()
  const total = (await readHead(db)).sequence
  const report = await verifyChain(db, {
    ...(expected !== undefined && { expectedHead: expected }),
    onProgress: sequence => {
      showProgress(`${sequence} of ${total} rows verified`)
    }
  })
  showProgress('')
  const isSigned = !report.ok || checkpoint === null || (await agrees(checkpoint, total, end => sealsRoot(db, 0, end)))
  const { firstBadSequence, sealedRows, unsealedRows, prunedThrough } = report
  const ok = report.ok && isSigned
  const problem = report.problem ?? (isSigned ? undefined : 'checkpoint-missing')
  const said = ok
    ? `the trail verifies: ${sealedRows} sealed rows, ${unsealedRows} unsealed, pruned through ${prunedThrough}`
    : `THE TRAIL DOES NOT VERIFY: ${problem} at ${firstBadSequence ?? checkpoint?.size ?? 'an unsealed row'}`
  await terminal.out(
    options.json === true ? `${visibleJson({ ...report, ok, problem })}\n` : `${said}\nhead ${headText(report.head)}\n`
  )
  return ok ? EXIT.done : EXIT.broken
}

/** Whether the trail has the tree that was signed. */
async function agrees(
  { size, root }: Checkpoint,
  total: number,
  rootOf: (end: number) => Promise<Buffer>
): Promise<boolean> {
  return size <= total && (await rootOf(size)).equals(root)
}

interface ExportExpectation {
  readonly path: string
  readonly expected: AuditHead | undefined
  readonly checkpoint: Checkpoint | null
}

async function verifyExportFile(
  { path, expected, checkpoint }: ExportExpectation,
  options: CommandOptions,
  terminal: AuditTerminal
): Promise<number> {
  const verifiers = options.key === undefined ? [] : readVerifierKeys(options)
  const report = await verifyExport(linesOf(path), { verifiers, checkpoint })
  const isExpected =
    expected === undefined ||
    (report.head.sequence === expected.sequence && report.head.chainHash === expected.chainHash)
  const problem = report.problem ?? (isExpected ? undefined : 'head-missing')
  const left = report.concealedRows === 0 ? '' : `, ${report.concealedRows} left out`
  const covered = report.checkpointedRows === null ? '' : `\n${report.checkpointedRows} of them under the checkpoint`
  const said =
    problem === undefined
      ? `the export verifies: ${report.rows} rows after ${report.after.sequence}, ${report.prunedRows} of them pruned${left}${covered}`
      : `THE EXPORT DOES NOT VERIFY: ${problem} at ${report.firstBadSequence ?? report.head.sequence}`
  const shown = { ...report, ok: problem === undefined, ...(problem !== undefined && { problem }) }
  await terminal.out(options.json === true ? `${visibleJson(shown)}\n` : `${said}\nhead ${headText(report.head)}\n`)
  return problem === undefined ? EXIT.done : EXIT.broken
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, 'utf8')
  // A reader of lines does not pass errors of its input on.
  const opened = new Promise<void>((resolve, reject) => {
    input.once('open', () => {
      resolve()
    })
    input.once('error', reject)
  })
  await opened
  yield* createInterface({ input, crlfDelay: Infinity })
}

/** `export`: the trail as lines of JSON, to a new file or to standard output. */
export async function exportToFile(
  db: Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const { checkpoints } = auditTrailOptions(checkpointSettings(environment), COMMAND_PROCESS)
  const signers = checkpoints === false ? [] : checkpointKeys(checkpoints).signers
  const asked = { after: Number(options.after ?? 0), signers }
  // So that rows which say what was pruned a moment ago are among those of the export.
  await sealNow(db, { timeoutMs: SEALING_TIMEOUT_MS })
  await recordReading(db, 'export', options, { secrets: readTrailSecrets(environment) })
  if (typeof options.file === 'string') {
    const file = createWriteStream(options.file, { flags: 'wx', mode: 0o600 })
    await pipeline(exportedText(db, asked, terminal), file)
  } else for await (const text of exportedText(db, asked, terminal)) await terminal.out(text)
  if (terminal.signal?.aborted !== true) return EXIT.done
  terminal.error('the export is not complete\n')
  return EXIT.failed
}

async function* exportedText(db: Knex, asked: ExportOptions, terminal: AuditTerminal): AsyncGenerator<string> {
  const showProgress = progressLine(terminal)
  let lines = 0
  for await (const line of exportTrail(db, asked)) {
    if (terminal.signal?.aborted === true) return
    yield `${visibleJson(line)}\n`
    if (++lines % 1000 === 0) showProgress(`${lines} lines exported`)
  }
  showProgress('')
}

/** `prune`: removes rows before a time, each class before its own; needs the role of the pruner. */
export async function pruneTrail(db: Knex, options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  if (typeof options.before !== 'string') throw new AuditUsageError('--before is missing')
  const nowMs = Date.now()
  const retention = {
    before: pruneTime(options.before, nowMs, '--before'),
    classes: typeof options.classes === 'string' ? retentionClasses(options.classes, nowMs) : []
  }
  const { removed, throughSequence } = await pruneAudit(db, {
    ...retention,
    process: COMMAND_PROCESS,
    timeoutMs: 60_000
  })
  const said = `${removed} rows removed; pruned through ${throughSequence}`
  await terminal.out(
    options.json === true ? `${visibleJson({ removed, throughSequence })}\n` : `${visibleText(said)}\n`
  )
  return EXIT.done
}

const SEALING_TIMEOUT_MS = 60_000
const PRUNE_DAY_MS = 86_400_000
const MAX_PRUNE_DAYS = 36_500

/** A time, or days before now: `365d`, for jobs. */
function pruneTime(text: string, nowMs: number, flag: string): Date {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? []
  if (days !== undefined && Number(days) <= MAX_PRUNE_DAYS) return new Date(nowMs - Number(days) * PRUNE_DAY_MS)
  try {
    const { until } = parseAuditQuery({ until: text })
    if (until !== undefined) return until
  } catch {
    // What it says names a parameter that nobody gave.
  }
  throw new AuditUsageError(`${flag} is not a time`)
}

/** `session.*,token.*=730d;*.read=90d` */
function retentionClasses(text: string, nowMs: number): RetentionClass[] {
  return text.split(';').map(part => {
    const [actions = '', before = '', ...more] = part.split('=').map(each => each.trim())
    const names = actions.split(',').map(each => each.trim())
    if (before === '' || more.length > 0 || names.some(name => !/^[\w.*-]{1,100}$/.test(name))) {
      throw new AuditUsageError('--classes is not <action>,<action>=<time>;…')
    }
    return { actions: names, before: pruneTime(before, nowMs, '--classes') }
  })
}

const headText = ({ sequence, chainHash }: AuditHead): string => `${sequence}:${chainHash}`

function parseHead(text: string): AuditHead {
  const [, sequence, chainHash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (sequence === undefined || chainHash === undefined) throw new AuditUsageError('--head is not <sequence>:<hash>')
  return { sequence: Number(sequence), chainHash }
}
