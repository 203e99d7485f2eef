// Runs once after all test files.
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { stopPostgres } from '@sallyport/local'
import { CLUSTER_FILE } from './cluster-file.ts'

const { dataDirectory } = JSON.parse(readFileSync(CLUSTER_FILE, 'utf8')) as { dataDirectory: string }
await stopPostgres(dataDirectory, true)
rmSync(CLUSTER_FILE)
rmSync(dirname(dataDirectory), { recursive: true, force: true })
