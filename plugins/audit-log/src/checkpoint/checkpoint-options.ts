import { customOption, listOf, objectWith, oneOrOff, optionsObject, Type } from '@sallyport/security-context/options'
import type { CheckpointAnchor } from './anchors.ts'
import type { CheckpointKeys } from './make-checkpoint.ts'
import { checkpointSigner, isNoteName, parseVerifier, checkpointVerifier } from './signed-note.ts'

/** Signs the trail again and again, so that also its owner cannot rewrite it unnoticed. */
export interface TrailCheckpoints {
  /**
   * Names the trail in its checkpoints, without spaces and plus signs.
   * @example 'orders.example.com/audit'
   */
  readonly origin: string
  /**
   * Seeds of Ed25519 keys, 32 bytes each, of this purpose alone. All of them sign: during a rotation the new one and
   * the old one.
   */
  readonly keys: readonly Uint8Array[]
  /**
   * Keys that signed earlier checkpoints, as `verifierText` writes them.
   * @default []
   */
  readonly formerKeys?: readonly string[]
  /**
   * Where checkpoints are kept outside the database: `fileAnchor`, `httpsAnchor` or one of your own.
   * @default []
   */
  readonly anchors?: readonly CheckpointAnchor[]
  /**
   * How often a checkpoint is made, where something was sealed since the last one, in ms.
   * @default 60_000
   */
  readonly intervalMs?: number
  /**
   * How the trail is verified all the time; `false`: it is not.
   * @default {}
   */
  readonly verifier?: TrailVerification | false
}

/** Verification in steps, in the process that seals. */
export interface TrailVerification {
  /**
   * How long it rests after a step, in ms.
   * @default 2000
   */
  readonly intervalMs?: number
  /**
   * Rows of a step.
   * @default 2000
   */
  readonly rows?: number
  /** File that remembers how far a pass is, signed; left out: each process begins at the first row. */
  readonly placeFile?: string
  /**
   * Whether a trail that does not verify makes `auditHealth.check` reject.
   * @default false
   */
  readonly readiness?: boolean
}

const positive = (value: number) => Type.Integer({ minimum: 1, default: value })

export const trailVerification = optionsObject({
  intervalMs: positive(2000),
  rows: positive(2000),
  placeFile: Type.Optional(Type.String({ minLength: 1 })),
  readiness: Type.Boolean({ default: false })
})

export const trailCheckpoints = optionsObject({
  origin: customOption<string>(
    'a name without spaces and plus signs',
    value => typeof value === 'string' && isNoteName(value)
  ),
  keys: listOf(
    customOption<Uint8Array>('32 bytes', value => value instanceof Uint8Array && value.byteLength === 32),
    { minItems: 1 }
  ),
  formerKeys: listOf(
    customOption<string>('the text of a verifier', value => typeof value === 'string' && parseVerifier(value) !== null),
    { default: [] }
  ),
  anchors: listOf(objectWith<CheckpointAnchor>('an anchor', ['latest', 'add']), { default: [] }),
  intervalMs: positive(60_000),
  verifier: oneOrOff(trailVerification, { default: {} })
})

/** The keys of the options. */
export function checkpointKeys({
  origin,
  keys,
  formerKeys = []
}: Pick<TrailCheckpoints, 'origin' | 'keys' | 'formerKeys'>): CheckpointKeys {
  const [first, ...others] = keys.map(seed => checkpointSigner(origin, seed))
  if (first === undefined) throw new TypeError('a checkpoint needs a key')
  const signers = [first, ...others] as const
  const former = formerKeys.map(parseVerifier).filter(verifier => verifier !== null)
  return { signers, verifiers: [...signers.map(checkpointVerifier), ...former] }
}
