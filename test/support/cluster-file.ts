import { fileURLToPath } from 'node:url'

/** Folder of the test run's database cluster. */
export const CLUSTER_DIRECTORY = fileURLToPath(new URL('../../.sallyport/test-cluster', import.meta.url))
/** Where the run's cluster is written down for the test files: `{ url, dataDirectory }`. */
export const CLUSTER_FILE = fileURLToPath(new URL('../../.sallyport/test-cluster.json', import.meta.url))
