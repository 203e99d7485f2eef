import { readKeyRing, type RingKey } from '@sallyport/security-context/mechanics'
import { customOption, listOf, optionsObject, Type } from '@sallyport/security-context/options'
import type { FailureMode } from '../event-class.ts'

/** A key that seals what is kept on the disk of this machine. */
export interface SpillKey {
  /** 1 to 32 letters, digits or `-`. */
  readonly id: string
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** What an outage of the database does to rows that are in no transaction. */
export interface OutageModes {
  /**
   * Effects, and events of the process: `refuse` answers 503, `spill` keeps the row in a sealed file and writes it
   * later, `drop` leaves it out and records how many were left out.
   * @default 'refuse'
   */
  readonly changes?: FailureMode
  /**
   * Refusals and failures of a known caller.
   * @default 'refuse'
   */
  readonly refusals?: FailureMode
  /**
   * Declared reads.
   * @default 'refuse'
   */
  readonly reads?: FailureMode
  /**
   * Folder of this process alone, on a disk that outlives it. Needed for `spill` and for `drop`, whose count is kept
   * there.
   */
  readonly folder?: string
  /**
   * Of this purpose alone: the first one seals, the others open what was sealed before. `parseSpillKeys` reads them.
   * Needed with `folder`.
   */
  readonly keys?: readonly SpillKey[]
  /**
   * How large the file of kept rows may become, in bytes; beyond that rows are refused with 503.
   * @default 67_108_864
   */
  readonly maxBytes?: number
  /**
   * How often the database is tried while it is away, in ms.
   * @default 1000
   */
  readonly intervalMs?: number
}

const failureMode = () => Type.Enum(['refuse', 'spill', 'drop'], { default: 'refuse' })

export const spillKey = optionsObject({
  id: customOption<string>(
    '1 to 32 letters, digits or -',
    value => typeof value === 'string' && /^[A-Za-z0-9-]{1,32}$/.test(value)
  ),
  key: customOption<Uint8Array>('32 bytes', value => value instanceof Uint8Array && value.byteLength === 32)
})

export const outageModes = optionsObject(
  {
    changes: failureMode(),
    refusals: failureMode(),
    reads: failureMode(),
    folder: Type.Optional(Type.String({ minLength: 1 })),
    keys: Type.Optional(listOf(spillKey)),
    maxBytes: Type.Integer({ minimum: 4096, default: 67_108_864 }),
    intervalMs: Type.Integer({ minimum: 1, default: 1000 })
  },
  { default: {} }
)

/** What is missing for the modes that are asked for. */
export function outageMistakes({ outage }: { readonly outage?: OutageModes }): string[] {
  const { changes, refusals, reads, folder, keys = [] } = outage ?? {}
  const needsFolder = [changes, refusals, reads].some(mode => mode === 'spill' || mode === 'drop')
  if (!needsFolder && folder === undefined) return []
  return [
    ...(folder === undefined ? ['outage.folder is missing: spill and drop keep rows and counts there'] : []),
    ...(keys.length === 0 ? ['outage.keys are missing: what is kept is sealed'] : [])
  ]
}

/**
 * Reads the keys from the text of a secret file: a key ring, `id:base64url` of 32 bytes each, the newest first.
 * @returns `null` for any other text
 */
export function parseSpillKeys(text: string): readonly RingKey[] | null {
  const { keys, mistakes } = readKeyRing(text, 'spill key')
  return mistakes.length > 0 ? null : keys
}
