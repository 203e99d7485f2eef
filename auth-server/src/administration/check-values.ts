import { InvalidValueError } from '../errors.ts'

/** A role as users have it and scopes ask for it. */
const ROLE_NAME = /^[A-Z][A-Z0-9_]{0,63}$/

/** Whether a text can be the name of a role. */
export const isRoleName = (text: string): boolean => ROLE_NAME.test(text)

/** Whether PostgreSQL can store a text as it is: without NUL, and of whole characters. */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/**
 * Refuses a value with everything that is wrong with it.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export function refuseMistakes(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
}
