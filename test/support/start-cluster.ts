// Runs once before all test files: one PostgreSQL cluster for the whole run, with durability off because nobody needs
// the data. SALLYPORT_TEST_POSTGRES names another PostgreSQL than npm's, by the folder of its `bin`.
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '@sallyport/local'
import { CLUSTER_DIRECTORY, CLUSTER_FILE } from './cluster-file.ts'
import { endCluster } from './end-cluster.ts'
import { ROOT } from './packages.ts'

for (const file of globSync(join(ROOT, '.sallyport/test-cluster-*.json'))) {
  // A run that was killed has left it.
  if (!isRunning(Number(/(\d+)\.json$/.exec(file)?.[1]))) await endCluster(file)
}
mkdirSync(CLUSTER_DIRECTORY, { recursive: true })
const { SALLYPORT_TEST_POSTGRES: installation } = process.env
const server = await startPostgres({
  directory: CLUSTER_DIRECTORY,
  ...(installation !== undefined && { installation }),
  detached: true,
  settings: {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '300',
    // Hundreds of small databases, each for seconds: nothing in them is worth to be tidied or written back.
    autovacuum: 'off',
    checkpoint_timeout: '1h',
    max_wal_size: '8GB'
  }
})
writeFileSync(CLUSTER_FILE, JSON.stringify({ url: server.url, dataDirectory: server.dataDirectory }), { mode: 0o600 })

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
