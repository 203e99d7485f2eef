// Runs once after all test files.
import { CLUSTER_FILE } from './cluster-file.ts'
import { endCluster } from './end-cluster.ts'

await endCluster(CLUSTER_FILE)
