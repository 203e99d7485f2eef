import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { AuditSpillHeldError } from '../errors.ts'

/** @see https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5

/**
 * Takes a folder for this process, until the function that it returns is called or the process ends, however it ends.
 * The lock is one of the operating system, so that it also holds between containers that share the folder, where ids of
 * processes say nothing. Node gives no other way to take one than a database file of SQLite, which stays empty.
 * @throws {AuditSpillHeldError} `SALLYPORT_AUDIT_SPILL_HELD` when another process has it
 */
export async function lockFolder(folder: string): Promise<() => void> {
  // Older releases of Node warn of it, so only whoever needs a folder loads it.
  const { DatabaseSync } = await import('node:sqlite')
  const path = join(folder, 'rows.lock')
  closeSync(openSync(path, 'a', 0o600))
  const file = new DatabaseSync(path)
  try {
    file.exec('pragma journal_mode = memory; begin exclusive')
  } catch (cause) {
    file.close()
    if (sqliteCode(cause) === SQLITE_BUSY) throw new AuditSpillHeldError(folder)
    throw cause
  }
  return () => {
    file.close()
  }
}

function sqliteCode(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : null
}
