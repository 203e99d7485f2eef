import { fork } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { LauncherError } from '../launcher-error.ts'
import { isPortFree } from '../readiness.ts'
import { scaleRules } from './scale-rules.ts'

/** What is observed, and how. */
export interface ObservedStack {
  /** URL of each process's operations listener, by the name of the process. */
  readonly operations: Readonly<Record<string, string>>
  /** Folder of its own, which is made anew: configuration, rules and data. */
  readonly directory: string
  readonly port: number
  /** 1, or by how much the times of rules and intervals are shortened. */
  readonly speed: number
}

/** A running Prometheus. */
export interface RunningPrometheus {
  readonly url: string
  /** Settles when it has ended, for whatever reason. */
  readonly ended: Promise<void>
  readonly stop: () => Promise<void>
}

/** An alert as Prometheus tells it. */
export interface PrometheusAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

const RULES_FOLDER = fileURLToPath(new URL('../../../observability/prometheus/rules', import.meta.url))
const SCRAPE_INTERVAL_MS = 15_000
const SHORTEST_INTERVAL_MS = 1000
/** Bounds of what is kept on disk. */
const RETENTION = ['--storage.tsdb.retention.time=1d', '--storage.tsdb.retention.size=256MB']

/** Its usual port. */
export const PROMETHEUS_PORT = 9090

/** How to install Prometheus. */
export const PROMETHEUS_MISSING = [
  'There is no prometheus on the PATH. Install it:',
  '  Debian, Ubuntu   apt-get install prometheus && systemctl disable --now prometheus',
  '  macOS            brew install prometheus',
  '  elsewhere        https://prometheus.io/download'
].join('\n')

/** Whether a program can be started by its name. */
export function isOnPath(program: string, path = process.env.PATH ?? ''): boolean {
  return path.split(delimiter).some(folder => isExecutable(join(folder, program)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Starts Prometheus with the rules of deploy/observability, and waits until it is ready. It ends with this process.
 * @throws {LauncherError} when it is not installed, its port is taken, or it does not start
 */
export async function startPrometheus(stack: ObservedStack): Promise<RunningPrometheus> {
  const { directory, port } = stack
  if (!isOnPath('prometheus')) throw new LauncherError(PROMETHEUS_MISSING)
  if (!(await isPortFree(port))) {
    throw new LauncherError(`Port ${port} on 127.0.0.1 is taken; --port N takes another one`)
  }
  rmSync(directory, { recursive: true, force: true })
  writeConfiguration(stack)
  const keeper = new URL(
    import.meta.url.endsWith('.ts') ? 'prometheus-keeper.ts' : 'prometheus-keeper.js',
    import.meta.url
  )
  const child = fork(
    keeper,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
      ...RETENTION
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true, execArgv: [] }
  )
  let said = ''
  child.stderr?.on('data', text => {
    said = `${said}${String(text)}`.slice(-4000)
  })
  const ended = once(child, 'exit').then(() => {})
  let over = false
  void ended.then(() => {
    over = true
  })
  const url = `http://127.0.0.1:${port}`
  while (!(await answersReady(url))) {
    if (over) throw new LauncherError(`Prometheus did not start: ${said}`)
    await delay(50)
  }
  return {
    url,
    ended,
    stop: async () => {
      if (child.connected) child.disconnect()
      await ended
    }
  }
}

/** The alerts that are pending or firing. */
export async function prometheusAlerts(url: string): Promise<readonly PrometheusAlert[]> {
  const { body } = await request(`${url}/api/v1/alerts`)
  const { data } = (await body.json()) as { data: { alerts: PrometheusAlert[] } }
  return data.alerts
}

function writeConfiguration({ directory, operations, speed }: ObservedStack): void {
  const rules = join(directory, 'rules')
  mkdirSync(rules, { recursive: true })
  for (const name of readdirSync(RULES_FOLDER)) {
    writeFileSync(join(rules, name), scaleRules(readFileSync(join(RULES_FOLDER, name), 'utf8'), speed))
  }
  const interval = `${Math.max(SHORTEST_INTERVAL_MS, Math.round(SCRAPE_INTERVAL_MS / speed))}ms`
  const timeout = `${Math.max(SHORTEST_INTERVAL_MS, Math.round(10_000 / speed))}ms`
  // JSON is YAML.
  const configuration = {
    global: { scrape_interval: interval, scrape_timeout: timeout, evaluation_interval: interval },
    rule_files: [join(rules, '*.yml')],
    scrape_configs: [
      {
        job_name: 'sallyport',
        honor_labels: true,
        static_configs: Object.entries(operations).map(([process, url]) => ({
          targets: [new URL(url).host],
          labels: { process }
        }))
      }
    ]
  }
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(configuration, null, 2))
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/-/ready`)
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
