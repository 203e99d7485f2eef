import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A key as the option `outage.keys` takes it. */
export const SPILL_KEY = { id: 'k1', key: randomBytes(32) }

/** A folder that is removed after the test. */
export function spillFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-spill-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
