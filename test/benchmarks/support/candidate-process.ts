// Child process of a benchmark: starts one candidate, then answers questions about its CPU time.
import type { CpuTimes, ServerFactory } from './types.ts'

const [module = '', options = '{}'] = process.argv.slice(2)
const { default: start } = (await import(module)) as { default: ServerFactory }
const server = await start(JSON.parse(options) as Record<string, unknown>)

process.on('message', message => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage()
    const times: CpuTimes = { cpuMicros: user + system, databaseMicros: server.databaseCpu?.() ?? 0 }
    process.send?.(times)
  }
})
process.on('disconnect', () => {
  void server.close().finally(() => process.exit())
})
process.send?.({ ready: { origin: server.origin, requests: server.requests } })
