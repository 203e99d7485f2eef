import type { RingKey } from '@sallyport/security-context/mechanics'
import type { RecordRules } from '../build-record.ts'
import { fieldClasses } from '../privacy/field-class.ts'
import { createJoinHash, parseJoinKeys } from '../privacy/join-hash.ts'
import { parsePrivacyKeys } from '../privacy/privacy-options.ts'
import { createPersonalSealer, type PersonalSealer } from '../privacy/seal-personal.ts'
import { AuditUsageError } from './audit-terminal.ts'
import type { CommandEnvironment } from './open-trail.ts'
import { readCommandVariable } from './trail-environment.ts'

/** What a command needs to seal and to read personal values. */
export interface TrailSecrets extends RecordRules {
  /** Wrap the keys of persons; empty where none are given. */
  readonly keys: readonly RingKey[]
  readonly sealer: PersonalSealer
}

/**
 * Reads the key rings of a command: `SALLYPORT_AUDIT_PERSON_KEYS` and `SALLYPORT_AUDIT_NAME_KEY`, or the files
 * that `…_FILE` names, as the processes have them.
 * @throws {AuditUsageError}
 */
export function readTrailSecrets(environment: CommandEnvironment): TrailSecrets {
  const keys = commandRing(environment, 'SALLYPORT_AUDIT_PERSON_KEYS', parsePrivacyKeys)
  const joinHash = createJoinHash(commandRing(environment, 'SALLYPORT_AUDIT_NAME_KEY', parseJoinKeys))
  const sealer = createPersonalSealer({
    ring: keys,
    joinHash,
    dayKeysKeptMs: DAY_KEYS_KEPT_MS,
    cacheMs: 60_000,
    maxCachedKeys: 100,
    monotonicClock: () => performance.now()
  })
  return { keys, joinHash, classify: fieldClasses(), sealer }
}

/** As the default of the processes. */
const DAY_KEYS_KEPT_MS = 7_776_000_000

function commandRing(
  environment: CommandEnvironment,
  name: string,
  parse: (text: string) => readonly RingKey[] | null
): readonly RingKey[] {
  const text = readCommandVariable(environment, name)
  if (text === undefined) return []
  const ring = parse(text)
  if (ring === null) throw new AuditUsageError(`${name} is not a ring of id:base64url with 32 bytes`)
  return ring
}
