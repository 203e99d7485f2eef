// Somebody who adopts the packages: a folder outside the repository, the packed files, a PostgreSQL, free ports.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { clusterUrl } from '../../support/database.ts'
import { freePort } from '../../support/free-port.ts'
import { ROOT } from '../../support/packages.ts'
import { readAdoptionPage } from './adoption-page.ts'

const execute = promisify(execFile)
/** A cold build and all installations, on a machine that does other things too. */
const INSTALL_MS = 900_000
const NGINX_EXAMPLE = 'deploy/proxies/one/nginx.conf'

/** The place of an adopter. */
export interface Adopter {
  /** Where the page installs everything: `~/shop`. */
  readonly shop: string
  readonly scratch: string
  /** Of commands: nothing of the repository is in the path. */
  readonly environment: NodeJS.ProcessEnv
  /** A text of the page with the folders, ports and database of this run in place of its own. */
  readonly here: (text: string) => string
}

let known: Promise<Adopter> | undefined

/** Packs the packages and installs them as the page says, once in this process. */
export async function settledAdopter(): Promise<Adopter> {
  known ??= settle()
  return await known
}

async function settle(): Promise<Adopter> {
  const directory = mkdtempSync(join(tmpdir(), 'adopter-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  const path = (process.env.PATH ?? '').split(delimiter).filter(folder => !folder.startsWith(ROOT))
  const environment = {
    ...onlyOf(['HOME', 'LANG', 'USER', 'npm_config_cache', 'npm_config_registry', 'NODE_EXTRA_CA_CERTS']),
    PATH: [dirname(process.execPath), ...path, '/usr/sbin'].join(delimiter),
    npm_config_prefer_offline: 'true'
  }
  const place = {
    shop: join(directory, 'shop'),
    scratch: join(directory, 'commands'),
    environment
  }
  const adopter = { ...place, here: await translation(directory) }
  mkdirSync(adopter.shop)
  const steps = readAdoptionPage().flatMap(section => section.steps)
  for (const step of steps) {
    if (step.kind !== 'clone' && step.kind !== 'install') continue
    // In the clone, the tools of the repository are there.
    const env = step.kind === 'clone' ? process.env : environment
    const cwd = step.kind === 'clone' ? ROOT : adopter.shop
    await execute('bash', ['-euc', adopter.here(step.code)], { cwd, env, timeout: INSTALL_MS })
  }
  return adopter
}

function onlyOf(names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

async function translation(directory: string): Promise<Adopter['here']> {
  const named = [3000, 3001, 3002, 3100, 3200, 8080, 8081, 8180, 8181, 8443, 9000]
  const free = await Promise.all(named.map(freePort))
  const ports = new Map(named.map((port, index) => [String(port), String(free[index])]))
  const withPorts = (text: string): string => text.replaceAll(/\b\d{4}\b/g, port => ports.get(port) ?? port)
  const example = join(directory, 'nginx-example.conf')
  writeFileSync(example, withPorts(readFileSync(join(ROOT, NGINX_EXAMPLE), 'utf8')))
  const database = new URL(clusterUrl()).host
  return text =>
    withPorts(text)
      .replaceAll('127.0.0.1:5432', database)
      .replaceAll(`~/sallyport/${NGINX_EXAMPLE}`, example)
      .replaceAll('/tmp/sallyport', join(directory, 'packs'))
      .replaceAll('~/sallyport', ROOT)
      .replaceAll('~/shop', join(directory, 'shop'))
}
