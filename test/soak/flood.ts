import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { startRealAuthServers } from '../support/real-auth-servers.ts'
import type { Soak } from './types.ts'

const CONNECTIONS = 500
const SECONDS = 20
const PROBE_LIMIT_MS = 5000

/**
 * 500 connections that ask as fast as they are answered, for 20 s: the process sheds, its operators are answered, and
 * its memory stays within twice of what it was idle.
 */
export const flood: Soak = async log => {
  const servers = await startRealAuthServers(1)
  const broken: string[] = []
  const statuses: Record<string, number> = {}
  const [origin = ''] = servers.origins
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 })
  try {
    // Idle is after the first requests: what they load stays.
    for (let n = 0; n < 200; n++) await servers.get(0, '/oauth2/jwks')
    const idle = residentMebibytes(servers.pids[0])
    let peak = idle
    let probes = 0
    const until = performance.now() + SECONDS * 1000
    const caller = async (): Promise<void> => {
      while (performance.now() < until) {
        const answered = await request(`${origin}/oauth2/jwks`, { dispatcher: agent }).then(
          async ({ statusCode, body }) => {
            await body.dump()
            return String(statusCode)
          },
          (error: Error) => error.message
        )
        statuses[answered] = (statuses[answered] ?? 0) + 1
      }
    }
    const watcher = async (): Promise<void> => {
      while (performance.now() < until) {
        peak = Math.max(peak, residentMebibytes(servers.pids[0]))
        const { statusCode } = await request(`${servers.operations[0]}/health/live`, {
          headersTimeout: PROBE_LIMIT_MS,
          reset: true
        })
        if (statusCode === 200) probes++
        else broken.push(`liveness was answered ${statusCode}`)
        await pause(250)
      }
    }
    await Promise.all([
      ...Array.from({ length: CONNECTIONS }, caller),
      watcher().catch((error: Error) => {
        broken.push(`liveness was not answered: ${error.message}`)
      })
    ])
    log(`idle ${idle} MiB, peak ${peak} MiB`)
    if (peak > 2 * idle) broken.push(`memory rose from ${idle} to ${peak} MiB`)
    const unexpected = Object.keys(statuses).filter(status => status !== '200' && status !== '503')
    for (const status of unexpected) broken.push(`${statuses[status]} requests ended with ${status}`)
    return {
      counts: {
        connections: CONNECTIONS,
        served: statuses['200'] ?? 0,
        shed: statuses['503'] ?? 0,
        'liveness probes answered': probes,
        'idle MiB': idle,
        'peak MiB': peak
      },
      broken
    }
  } finally {
    await agent.destroy()
    await servers.close()
  }
}

/** Resident memory of a process. Linux only. @see proc_pid_status(5) */
function residentMebibytes(pid: number | undefined): number {
  const [, kibibytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kibibytes) / 1024)
}
