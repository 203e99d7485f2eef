import { Worker } from 'node:worker_threads'

const CODE = `
const { workerData } = require('node:worker_threads')
setTimeout(() => process.kill(workerData.pid, 'SIGKILL'), workerData.ms)
`

/**
 * Kills this process after `ms`, also when its main thread is blocked: a log destination that writes synchronously can
 * keep it in a loop that no timer and no signal interrupts. Ends with the process.
 */
export function startExitWatchdog(ms: number): void {
  const worker = new Worker(CODE, { eval: true, execArgv: [], workerData: { pid: process.pid, ms } })
  worker.unref()
}
