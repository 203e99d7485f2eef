import { errorCode } from '@sallyport/security-context/mechanics'

/**
 * Whether the database refuses the data of a row, which no further attempt makes acceptable.
 * @see PostgreSQL, appendix A: the classes 22 (data), 23 (constraints) and 54 (limits, such as that of an index)
 */
export function isRefusedRow(error: unknown): boolean {
  return /^(?:2[23]|54)/.test(errorCode(error) ?? '')
}
