import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { anchorProblem } from '../checkpoint/anchor-history.ts'
import { anchoredNotes } from '../checkpoint/anchors.ts'
import { checkpointKeys } from '../checkpoint/checkpoint-options.ts'
import { openCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.ts'
import {
  EVENT_PROOF_FORM,
  GROWTH_PROOF_FORM,
  isProofRight,
  proveEvent,
  proveGrowth,
  provedOfEvent,
  type EventProof,
  type GrowthProof
} from '../checkpoint/prove-event.ts'
import { parseVerifier, verifierText, type CheckpointVerifier } from '../checkpoint/signed-note.ts'
import { auditTrailOptions } from '../settings/trail-options.ts'
import { visibleJson } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import type { CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS, recordReading } from './record-reading.ts'
import type { CommandEnvironment } from './open-trail.ts'
import { checkpointSettings } from './trail-environment.ts'
import { readTrailSecrets } from './trail-secrets.ts'

/** `checkpoint`: the last checkpoint of the database, as text; whoever has the key can check it. */
export async function showCheckpoint(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  if (options['verifier-keys'] === true) return await showVerifierKeys(options, terminal, environment)
  const db = openDb()
  const last = await db('audit_checkpoints').orderBy('size', 'desc').first<{ note: string } | undefined>('note')
  if (last === undefined) throw new Error('there is no checkpoint')
  await terminal.out(options.json === true ? `${visibleJson({ checkpoint: last.note })}\n` : last.note)
  return EXIT.done
}

/** What auditors give as `--key`: of the keys that sign, then of those that signed before. It needs no database. */
async function showVerifierKeys(
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const settings = checkpointSettings(environment)
  const { checkpoints } = auditTrailOptions(settings, COMMAND_PROCESS)
  // A key is of a trail, whose name no command knows.
  if (settings.auditCheckpointOrigin === undefined) {
    throw new AuditUsageError('SALLYPORT_AUDIT_CHECKPOINT_ORIGIN is missing: without it, the name of the process')
  }
  if (checkpoints === false) throw new AuditUsageError('SALLYPORT_AUDIT_CHECKPOINT_KEYS is missing')
  for (const verifier of checkpointKeys(checkpoints).verifiers) {
    const key = verifierText(verifier)
    await terminal.out(options.json === true ? `${visibleJson({ key })}\n` : `${key}\n`)
  }
  return EXIT.done
}

/** `prove`: that a row is under a checkpoint, or that a checkpoint continues another one. */
export async function proveFromTrail(
  db: Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const verifiers = readVerifierKeys(options)
  const note = readNamed(options, 'checkpoint')
  if (typeof options.since === 'string') {
    const proof = await proveGrowth(db, readNamed(options, 'since'), note, verifiers)
    await terminal.out(`${visibleJson(proof)}\n`)
    return EXIT.done
  }
  if (typeof options.sequence !== 'string') throw new AuditUsageError('--sequence or --since is missing')
  await recordReading(db, 'prove', { sequence: options.sequence }, { secrets: readTrailSecrets(environment) })
  const proof = await proveEvent(db, Number(options.sequence), note, verifiers)
  if (proof.record === null) terminal.error(`row ${proof.sequence} was pruned: this proves its place and its hash\n`)
  await terminal.out(`${visibleJson(proof)}\n`)
  return EXIT.done
}

const PROVED = {
  record: 'the proof holds: the record is under the checkpoint',
  'place-and-hash': 'a place and a hash are under the checkpoint, AND NO RECORD IS PROVED: it was pruned',
  growth: 'the proof holds: the later checkpoint continues the earlier one'
} as const

/** `verify --proof`: needs no database. */
export async function verifyProof(options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  const verifiers = readVerifierKeys(options)
  const proof = parseProof(readNamed(options, 'proof'))
  const ok = proof !== null && isProofRight(proof, verifiers)
  const proves = proof?.form === EVENT_PROOF_FORM ? provedOfEvent(proof.record) : 'growth'
  const said = ok ? PROVED[proves] : 'THE PROOF DOES NOT HOLD'
  await terminal.out(options.json === true ? `${visibleJson(ok ? { ok, proves } : { ok })}\n` : `${said}\n`)
  return ok ? EXIT.done : EXIT.broken
}

/** `verify --anchor`: the file of an anchor; needs no database. */
export async function verifyAnchor(options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  const verifiers = readVerifierKeys(options)
  const notes = await anchoredNotes(String(options.anchor))
  const problem = anchorProblem(notes, verifiers)
  const said =
    problem === null
      ? `the anchor verifies: ${notes.length} checkpoints`
      : `THE ANCHOR DOES NOT VERIFY: ${problem.problem} at ${problem.line}`
  const shown = { ok: problem === null, checkpoints: notes.length, ...problem }
  await terminal.out(options.json === true ? `${visibleJson(shown)}\n` : `${said}\n`)
  return problem === null ? EXIT.done : EXIT.broken
}

/** The checkpoint that `--checkpoint` names, as one of the keys signed it; `null` when none is named. */
export function readCheckpoint(options: CommandOptions): Checkpoint | null {
  if (typeof options.checkpoint !== 'string') return null
  const checkpoint = openCheckpoint(readNamed(options, 'checkpoint'), readVerifierKeys(options))
  if (checkpoint === null) throw new Error('the checkpoint is not signed by a key that was given')
  return checkpoint
}

/** The keys that `--key` gives. */
export function readVerifierKeys({ key }: CommandOptions): CheckpointVerifier[] {
  if (typeof key !== 'string') throw new AuditUsageError('--key is missing')
  const verifier = parseVerifier(key)
  if (verifier === null) throw new AuditUsageError('--key is not the text of a verifier')
  return [verifier]
}

function readNamed(options: CommandOptions, name: string): string {
  const path = options[name]
  if (typeof path !== 'string') throw new AuditUsageError(`--${name} is missing`)
  return readFileSync(path, 'utf8')
}

function parseProof(text: string): EventProof | GrowthProof | null {
  try {
    const value: unknown = JSON.parse(text)
    return isProofForm(value) ? value : null
  } catch {
    return null
  }
}

/** What the members say is checked by the proof; here only that they are of the right kind. */
function isProofForm(value: unknown): value is EventProof | GrowthProof {
  if (typeof value !== 'object' || value === null || !('form' in value) || !('proof' in value)) return false
  const { form, proof } = value
  if (!Array.isArray(proof) || !proof.every(hash => typeof hash === 'string')) return false
  const areTexts = (...names: readonly string[]): boolean =>
    names.every(name => typeof Reflect.get(value, name) === 'string')
  if (form === GROWTH_PROOF_FORM) return areTexts('earlier', 'later')
  const record: unknown = Reflect.get(value, 'record')
  return form === EVENT_PROOF_FORM && areTexts('checkpoint', 'contentHash') && typeof record === 'object'
}
