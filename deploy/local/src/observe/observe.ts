import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LauncherError } from '../launcher-error.ts'
import { localJsonPath } from '../local-json.ts'
import { probeStatus } from '../readiness.ts'
import type { Stack } from '../walkthrough/flow.ts'
import { readStack } from '../walkthrough/run-flows.ts'
import type { ObserveOptions } from './observe-options.ts'
import { startPrometheus } from './start-prometheus.ts'

const GRAFANA_FOLDER = fileURLToPath(new URL('../../../observability/grafana', import.meta.url))
const ALIVE_LOOK_MS = 2000

/**
 * Starts Prometheus beside the stack of a folder, and ends it when told to or when the stack has ended.
 * @param stop aborted by Ctrl-C
 * @throws {LauncherError} when no stack runs there, or Prometheus cannot be started
 */
export async function observeStack(
  options: ObserveOptions,
  print: (text: string) => void,
  stop: AbortSignal
): Promise<void> {
  const stack = runningStack(options.directory)
  if (!(await isAnyAlive(stack))) throw new LauncherError(NOT_RUNNING)
  if (options.variables) {
    print(runbookVariables(stack, options))
    return
  }
  const { operations } = stack
  const { port, speed } = options
  const prometheus = await startPrometheus({
    operations,
    directory: join(options.directory, 'prometheus'),
    port,
    speed
  })
  const stopped = new Promise<void>(resolve => {
    stop.addEventListener('abort', () => resolve())
    if (stop.aborted) resolve()
  })
  try {
    print(observeAnnouncement(prometheus.url, Object.keys(operations)))
    await Promise.race([stopped, endOfStack(stack, stop), prometheus.ended])
  } finally {
    print('stopping Prometheus')
    await prometheus.stop()
  }
}

const NOT_RUNNING = 'No stack is running here: npm start starts it'

/** @throws {LauncherError} when there are no facts of a running stack */
function runningStack(directory: string): Stack {
  const path = localJsonPath(directory)
  if (!existsSync(path)) throw new LauncherError(NOT_RUNNING)
  return readStack(path)
}

/** A killed launcher leaves its file behind, so the processes are asked. */
async function endOfStack(stack: Stack, stop: AbortSignal): Promise<void> {
  while (!stop.aborted && (await isAnyAlive(stack))) await delay(ALIVE_LOOK_MS, null, { signal: stop }).catch(() => {})
}

async function isAnyAlive({ operations }: Stack): Promise<boolean> {
  const statuses = await Promise.all(Object.values(operations).map(url => probeStatus(`${url}/health/live`)))
  return statuses.some(status => status !== null)
}

/** The variables of docs/runbooks, for the `eval` of a shell. */
function runbookVariables({ gateway, issuer, caFile, operations, users }: Stack, { port }: ObserveOptions): string {
  const credentialsOf = (role: string): string => {
    const user = users.find(({ roles }) => roles.includes(role))
    return `${user?.username}:${user?.password}`
  }
  const variables = {
    PROMETHEUS: `http://127.0.0.1:${port}`,
    GATEWAY: gateway,
    ISSUER: issuer,
    CA: caFile,
    ADMIN: credentialsOf('ADMIN'),
    CUSTOMER: credentialsOf('CUSTOMER'),
    OPERATIONS: operations['reference-gateway'] ?? ''
  }
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n')
}

function observeAnnouncement(url: string, processes: readonly string[]): string {
  return [
    '',
    `Prometheus looks at ${processes.join(', ')}.`,
    '',
    `  alerts    ${url}/alerts   (what each one means: docs/runbooks)`,
    `  queries   ${url}/graph`,
    '',
    '  Grafana, with the dashboards of deploy/observability/grafana:',
    '    docker run --rm --network host \\',
    `      -v ${join(GRAFANA_FOLDER, 'provisioning')}:/etc/grafana/provisioning:ro \\`,
    `      -v ${join(GRAFANA_FOLDER, 'dashboards')}:/var/lib/grafana/dashboards:ro grafana/grafana`,
    '    and then http://127.0.0.1:3000/dashboards (admin, admin); without Docker: https://grafana.com/grafana/download,',
    `    a data source of type Prometheus with the URL ${url}, and Dashboards > New > Import of both files`,
    '',
    '  Ctrl-C ends it; it also ends with the stack.',
    ''
  ].join('\n')
}
