import { userInfo } from 'node:os'
import type { Knex } from 'knex'
import { askedOfTrail } from '../asked-query.ts'
import { buildRecord } from '../build-record.ts'
import { COMMAND_VERSIONS } from './command-versions.ts'
import type { TrailSecrets } from './trail-secrets.ts'
import type { JoinHash } from '../privacy/join-hash.ts'
import { databaseStore } from '../store.ts'

/** Process of the rows that commands write. */
export const COMMAND_PROCESS = 'audit-command'

/** Who is logged in on this machine: a name, or the number of a user without one, which containers often have. */
export function commandOperator(read: () => { readonly username: string } = userInfo): string {
  try {
    return read().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

/**
 * Records that somebody reads the trail, before anything of it is shown: who is logged in on this machine, and what is
 * asked for. Rejects when that cannot be written; then nothing is read.
 * @param asked the options of the command
 */
export async function recordReading(
  db: Knex,
  command: string,
  asked: Readonly<Record<string, unknown>>,
  { secrets, action = 'audit.read' }: { readonly secrets: TrailSecrets; readonly action?: string }
): Promise<void> {
  const { classify, joinHash, sealer } = secrets
  const detail = { command, operator: commandOperator(), asked: askedByFlags(asked, joinHash) }
  const rules = { classify, joinHash, versions: COMMAND_VERSIONS }
  const context = { process: COMMAND_PROCESS, now: new Date(), principal: null, ...rules }
  const record = buildRecord({ action, outcome: 'success', detail }, context)
  await databaseStore(db, RECORDING_TIMEOUT_MS, sealer).insert([record])
}

const RECORDING_TIMEOUT_MS = 5000

/** The flags, with hashes in place of a name and an address. */
function askedByFlags(
  { name, 'name-tried': nameTried, 'source-address': sourceAddress, ...others }: Readonly<Record<string, unknown>>,
  joinHash: JoinHash
): Readonly<Record<string, unknown>> {
  const personal = {
    ...(typeof name === 'string' && { name }),
    ...(typeof nameTried === 'string' && { nameTried }),
    ...(typeof sourceAddress === 'string' && { sourceAddress })
  }
  return { ...others, ...askedOfTrail(personal, joinHash) }
}
