import { readKeyRing, type KeyRingText } from '@sallyport/security-context/mechanics'
import { InvalidSettingsError } from '../../errors.ts'

/** A key of password hashes that is not in the database; its id is in the hashes made with it. */
export interface Pepper {
  readonly id: string
  readonly secret: Buffer
}

/** The peppers that are known, and the one in use. */
export interface PepperRing {
  /** For new hashes; `null`: they have none. */
  readonly newest: Pepper | null
  /** The pepper of that id; `null` when it is not in the ring. */
  find: (id: string) => Pepper | null
  /** What hashes without an id may have been made with, beside none; `null` when they have none. */
  readonly unnamed: Pepper | null
}

/** Where peppers come from. */
export interface PepperSettings {
  readonly passwordPeppers?: string | undefined
  readonly passwordPepper?: string | undefined
}

/** Id of `passwordPepper`, which has none of its own. */
const UNNAMED = 'unnamed'
/** As the first entry: new hashes have no pepper. */
const TURNED_OFF = /^none(?:\s+|$)/
const EMPTY: KeyRingText = Object.freeze({ keys: [], mistakes: [] })

/**
 * The ring of `passwordPeppers`, `id:secret id:secret …`, newest first; `none` in the first place turns peppers off for
 * new hashes. `passwordPepper`, from before peppers had ids, comes last.
 * @throws {InvalidSettingsError} naming every entry that is not valid, never its secret
 */
export function parsePepperRing(settings: PepperSettings): PepperRing {
  const { ring, mistakes } = readPepperRing(settings)
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes.join('; '))
  return ring
}

/** The same with the mistakes of the entries, never their secrets. */
export function readPepperRing({ passwordPeppers = '', passwordPepper }: PepperSettings): {
  readonly ring: PepperRing
  readonly mistakes: readonly string[]
} {
  const entries = passwordPeppers.trim()
  const isOff = TURNED_OFF.test(entries)
  const named = entries.replace(TURNED_OFF, '')
  const { keys, mistakes } = named === '' ? EMPTY : readKeyRing(named, 'password pepper', 'text')
  const peppers = new Map<string, Pepper>(keys.map(({ id, key }) => [id, { id, secret: key }]))
  const unnamed = passwordPepper === undefined ? null : { id: UNNAMED, secret: Buffer.from(passwordPepper) }
  const clash = unnamed !== null && peppers.has(UNNAMED) ? [`the id ${UNNAMED} is that of passwordPepper`] : []
  if (unnamed !== null) peppers.set(UNNAMED, unnamed)
  const [newest = null] = peppers.values()
  const ring = { newest: isOff ? null : newest, find: (id: string) => peppers.get(id) ?? null, unnamed }
  return { ring, mistakes: [...mistakes, ...clash] }
}
