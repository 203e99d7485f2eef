import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  isOnPath,
  prometheusAlerts,
  PROMETHEUS_MISSING,
  PROMETHEUS_PORT,
  startPrometheus
} from '../../observe/start-prometheus.ts'
import { firstFreePort } from '../../readiness.ts'
import type { Flow } from '../flow.ts'
import type { Transcript } from '../transcript.ts'

/** An hour of the rules is a minute. */
const SPEED = 60
const STOPPED = 'auth-server'

/** The authorization server stops, and somebody is told; it goes on, and the alert clears. */
export const alertsFlow: Flow = {
  title: '11. Alerts: the authorization server stops, an alert fires, and clears when it goes on',
  run: async (stack, transcript) => {
    const pid = stack.processIds[STOPPED]
    transcript.check(pid !== undefined, `the process id of ${STOPPED} is known`)
    if (pid === undefined) return
    if (!isOnPath('prometheus')) {
      for (const line of PROMETHEUS_MISSING.split('\n')) transcript.note(line)
      return
    }
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-alerts-'))
    const port = await firstFreePort(PROMETHEUS_PORT)
    const prometheus = await startPrometheus({ operations: stack.operations, directory, port, speed: SPEED })
    try {
      transcript.note(`Prometheus looks at every process, with the rules at ${SPEED} times their speed.`)
      await fireAndClear(transcript, prometheus.url, pid)
    } finally {
      await prometheus.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

async function fireAndClear(transcript: Transcript, url: string, pid: number): Promise<void> {
  const isFiring = async (): Promise<boolean> =>
    (await prometheusAlerts(url)).some(
      ({ labels, state }) => state === 'firing' && labels.alertname === 'ProcessDown' && labels.process === STOPPED
    )
  transcript.check(!(await isFiring()), `nothing is wrong with ${STOPPED}`)
  transcript.note(`kill -STOP ${pid}`)
  process.kill(pid, 'SIGSTOP')
  try {
    while (!(await isFiring())) await delay(200)
    const fired = (await prometheusAlerts(url)).find(({ labels }) => labels.process === STOPPED)
    transcript.check(true, `ProcessDown fires: ${fired?.annotations.summary}`)
    transcript.note(`its page: ${fired?.annotations.runbook_url}`)
  } finally {
    transcript.note(`kill -CONT ${pid}`)
    process.kill(pid, 'SIGCONT')
  }
  while (await isFiring()) await delay(200)
  transcript.check(true, 'and it clears')
}
