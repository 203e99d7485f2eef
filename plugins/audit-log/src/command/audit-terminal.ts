/** Where a command writes, and how it is stopped. */
export interface AuditTerminal {
  /** To standard output; resolves when it may go on. */
  readonly out: (text: string) => unknown
  readonly error: (text: string) => unknown
  /** Whether progress of long work is shown on standard error. */
  readonly showsProgress?: boolean
  /** Asks who sits at the terminal; left out where nobody does. */
  readonly ask?: (question: string) => Promise<string>
  /** Waits, or until the signal ends it; left out: in time. A test does not wait. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
  /** Ends the command after the step under way. */
  readonly signal?: AbortSignal
}

/** A wrong call: its message is printed with the way to the help, and the exit code is 2. */
export class AuditUsageError extends Error {}

/** Exit codes of every command. */
export const EXIT = {
  done: 0,
  /** The command could not be done. */
  failed: 1,
  /** The call is wrong. */
  usage: 2,
  /** The trail does not verify. */
  broken: 3
} as const

/** Shows how far long work is, on one line that the next text overwrites. */
export function progressLine({ error, showsProgress = false }: AuditTerminal): (text: string) => void {
  return text => {
    if (showsProgress) error(`\r\u001b[K${text}`)
  }
}
