/** Receives what an operator should know; never a token, a password or a key. */
export type Log = (message: string, detail: Readonly<Record<string, unknown>>) => void

/**
 * A log that reports to the process's warnings, for what was given none.
 * @param code of the warnings, such as `SALLYPORT_AUTHENTICATION`
 */
export function processWarnings(code: string): Log {
  return function warn(message, detail) {
    process.emitWarning(`${message}: ${JSON.stringify(detail)}`, { code })
  }
}
