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
  readonly passwordPeppers?: string
  readonly passwordPepper?: string
}

/** Id of `passwordPepper`, which has none of its own. */
const UNNAMED = 'unnamed'
/** In the place of the newest entry: new hashes have no pepper. */
const NO_PEPPER = 'none'
const SHORTEST_PEPPER = 32

/**
 * The ring of `passwordPeppers`, `id:secret id:secret …`, newest first; `none` in the first place turns peppers off for
 * new hashes. `passwordPepper`, from before peppers had ids, comes last.
 * @throws {InvalidSettingsError} naming every entry that is not valid, never its secret
 */
export function parsePepperRing({ passwordPeppers = '', passwordPepper }: PepperSettings): PepperRing {
  const peppers = new Map<string, Pepper>()
  const mistakes: string[] = []
  const entries = passwordPeppers.split(/\s+/).filter(entry => entry !== '')
  const isOff = entries[0] === NO_PEPPER
  for (const [position, entry] of entries.entries()) {
    if (isOff && position === 0) continue
    const [, id, secret = ''] = /^([A-Za-z0-9.-]{1,32}):(\S+)$/.exec(entry) ?? []
    if (id === undefined || secret.length < SHORTEST_PEPPER) {
      mistakes.push(`password pepper ${position + 1} is not id:secret with ${SHORTEST_PEPPER} characters or more`)
    } else if (peppers.has(id)) {
      mistakes.push(`two password peppers have the id ${id}`)
    } else {
      peppers.set(id, { id, secret: Buffer.from(secret) })
    }
  }
  const unnamed = passwordPepper === undefined ? null : { id: UNNAMED, secret: Buffer.from(passwordPepper) }
  if (unnamed !== null && peppers.has(UNNAMED)) mistakes.push(`the id ${UNNAMED} is that of passwordPepper`)
  if (unnamed !== null) peppers.set(UNNAMED, unnamed)
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes.join('; '))
  const [newest = null] = peppers.values()
  return { newest: isOff ? null : newest, find: id => peppers.get(id) ?? null, unnamed }
}
