/** Receives what an operator should know; never a token or a key. */
export type Log = (message: string, detail: Readonly<Record<string, unknown>>) => void

/** Reports to the process's warnings, for sources that were given no log. */
export const warn: Log = function warn(message, detail) {
  process.emitWarning(`${message}: ${JSON.stringify(detail)}`, { code: 'SALLYPORT_AUTHENTICATION' })
}

/** The text of an error with the text of what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
