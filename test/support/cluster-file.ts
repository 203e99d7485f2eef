import { join } from 'node:path'
import { ROOT } from './packages.ts'

/** Folder of the test run's database cluster; `npm test` names one for each run, so that two can coexist. */
export const CLUSTER_DIRECTORY = process.env['SALLYPORT_TEST_CLUSTER'] ?? join(ROOT, '.sallyport/test-cluster')
/** Where the run's cluster is written down for the test files: `{ url, dataDirectory }`. */
export const CLUSTER_FILE = `${CLUSTER_DIRECTORY}.json`
