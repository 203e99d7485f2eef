import { Worker } from 'node:worker_threads'

const CODE = `
const { workerData } = require('node:worker_threads')
setTimeout(() => process.kill(workerData.pid, 'SIGKILL'), workerData.ms)
`

/**
 * Kills this process after `ms`, whatever its main thread is busy with: a destination of the log that writes
 * synchronously can hold it in a loop that no timer and no signal reaches. Ends with the process.
 */
export function startExitWatchdog(ms: number): void {
  const worker = new Worker(CODE, { eval: true, execArgv: [], workerData: { pid: process.pid, ms } })
  worker.unref()
}
