import { dictionary } from '@zxcvbn-ts/language-common'

/** What a new password has to be. Passwords from before the policy stay valid. */
export interface PasswordPolicy {
  /** Characters, as Unicode code points in NFC. */
  readonly minLength: number
}

/** The setting's default. */
export const DEFAULT_PASSWORD_POLICY: PasswordPolicy = Object.freeze({ minLength: 12 })

const LONGEST_PASSWORD = 4096
/** A shorter user name is in too many passwords by chance. */
const SHORTEST_NAME_WITHIN = 4
/** Shorter words turn up in random passwords. */
const SHORTEST_COMMON_CORE = 4
/** A password made of so few characters, over and over. */
const LONGEST_TRIVIAL_UNIT = 4
const RUNS = ['abcdefghijklmnopqrstuvwxyz', '01234567890123456789', 'qwertyuiopasdfghjklzxcvbnm']
const RUNS_EITHER_WAY = [...RUNS, ...RUNS.map(run => [...run].reverse().join(''))]

let commonPasswords: ReadonlySet<string> | null = null

/** 49,000 of the most common passwords, which `zxcvbn-ts` keeps; unpacked at the first use. */
const isCommon = (folded: string): boolean => (commonPasswords ??= new Set(dictionary['passwords-common'])).has(folded)

/** Neither case nor composition makes a common password another one. */
const foldPassword = (text: string): string => text.normalize('NFC').toLowerCase()

/** What is wrong with a new password; `amount` in characters, where the fault is one of length. */
export interface PasswordFault {
  readonly name:
    | 'passwordIllFormed'
    | 'passwordTooLong'
    | 'passwordTooShort'
    | 'passwordHasName'
    | 'passwordCommon'
    | 'passwordTrivial'
  readonly amount?: number
}

const FAULT_TEXTS: Readonly<Record<PasswordFault['name'], (amount: number) => string>> = {
  passwordIllFormed: () => 'has a NUL or is not well-formed Unicode',
  passwordTooLong: most => `has more than ${most} characters`,
  passwordTooShort: least => `has fewer than ${least} characters`,
  passwordHasName: () => 'contains the user name',
  passwordCommon: () => 'is one of the most common ones, or little more',
  passwordTrivial: () => 'is a sequence or a repetition'
}

/** {@link passwordFault} as the end of a sentence that begins with "the password". */
export function passwordMistake(password: string, username: string, policy: PasswordPolicy): string | null {
  const fault = passwordFault(password, username, policy)
  return fault === null ? null : FAULT_TEXTS[fault.name](fault.amount ?? 0)
}

/**
 * What is wrong with a new password; `null`: nothing. There are no rules of composition. The answer never contains the
 * password.
 * @param username normalised
 * @see NIST SP 800-63B §3.1.1.2
 */
export function passwordFault(password: string, username: string, { minLength }: PasswordPolicy): PasswordFault | null {
  if (!password.isWellFormed() || password.includes('\0')) return { name: 'passwordIllFormed' }
  if (password.length > LONGEST_PASSWORD) return { name: 'passwordTooLong', amount: LONGEST_PASSWORD }
  if ([...password.normalize('NFC')].length < minLength) return { name: 'passwordTooShort', amount: minLength }
  const folded = foldPassword(password)
  const name = foldPassword(username)
  if (folded === name || (name.length >= SHORTEST_NAME_WITHIN && folded.includes(name))) {
    return { name: 'passwordHasName' }
  }
  if (isCommonInEssence(folded)) return { name: 'passwordCommon' }
  if (isTrivial(folded)) return { name: 'passwordTrivial' }
  return null
}

/** A common password, alone or with digits and signs around it. */
function isCommonInEssence(folded: string): boolean {
  const letters = [...folded.matchAll(/\p{L}/gu)]
  const last = letters.at(-1)
  const core = last === undefined ? '' : folded.slice(letters[0]?.index, last.index + last[0].length)
  return isCommon(folded) || (core.length >= SHORTEST_COMMON_CORE && isCommon(core))
}

/** A run of the alphabet, of digits or of keys; or a short or common piece, over and over. */
function isTrivial(folded: string): boolean {
  if (RUNS_EITHER_WAY.some(run => run.includes(folded))) return true
  const period = (folded + folded).indexOf(folded, 1)
  return period < folded.length && (period <= LONGEST_TRIVIAL_UNIT || isCommon(folded.slice(0, period)))
}
