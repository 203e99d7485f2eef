import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { stopPostgres } from '@sallyport/local'

/** Stops the cluster that a file tells, and removes it with the file. */
export async function endCluster(file: string): Promise<void> {
  const { dataDirectory } = JSON.parse(readFileSync(file, 'utf8')) as { dataDirectory: string }
  await stopPostgres(dataDirectory, true)
  rmSync(file)
  // Hundreds of thousands of files, for which the program takes a part of the time.
  execFileSync('rm', ['-rf', dirname(dataDirectory)])
}
