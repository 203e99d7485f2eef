// Runs once after all test files.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { stopPostgres } from '@sallyport/local'
import { CLUSTER_FILE } from './cluster-file.ts'

const { dataDirectory } = JSON.parse(readFileSync(CLUSTER_FILE, 'utf8')) as { dataDirectory: string }
await stopPostgres(dataDirectory, true)
rmSync(CLUSTER_FILE)
// Hundreds of thousands of files, for which the program takes a part of the time.
execFileSync('rm', ['-rf', dirname(dataDirectory)])
