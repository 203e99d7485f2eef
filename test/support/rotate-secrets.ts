// The commands of docs/secrets.md, as written but for folder, ports and passwords, against all processes under load.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { OwnStack } from '@sallyport/local'
import { Client } from 'pg'
import { ROOT } from './packages.ts'
import { readmeBlocks } from './readme-blocks.ts'

const run = promisify(execFile)
const PAGE = readFileSync(join(ROOT, 'docs/secrets.md'), 'utf8')
/** Sections that one process is about come one after the other. */
const CHAINS = [
  ['Database login'],
  ['Client secret', 'Session cookies'],
  ['Sealing keys of the authorization server', 'Peppers'],
  ['Keys of the configuration server']
]

const FIRST_ROLE = 'sallyport_order_service_app'
const SECOND_ROLE = `${FIRST_ROLE}_b`

/** What a rotation did, and with which secrets. */
export interface RotatedSecrets {
  /** What the commands printed: the settings that a process says it has. */
  readonly printed: readonly string[]
  /** Every secret that was or is in use. */
  readonly secrets: readonly string[]
}

/** URL of the stack's superuser for a database. */
export function superuserUrl(own: OwnStack, database = 'postgres'): string {
  const url = new URL(readSecret(own, 'order-service/database-url'))
  url.pathname = `/${database}`
  url.username = 'postgres'
  url.password = readFileSync(superuserPasswordFile(own), 'utf8').trim()
  return url.href
}

/** Asks as the superuser. */
export async function queryAsSuperuser(own: OwnStack, sql: string, database?: string) {
  const client = new Client({ connectionString: superuserUrl(own, database) })
  await client.connect()
  return await client.query(sql).finally(async () => await client.end())
}

/** Where PostgreSQL is when its user may not enter the folder of the stack, and else in that. */
function superuserPasswordFile({ directory }: OwnStack): string {
  const wanted = join(directory, 'postgres')
  const inside = join(wanted, 'superuser-password')
  if (existsSync(inside)) return inside
  const place = createHash('sha256').update(resolve(wanted)).digest('hex').slice(0, 16)
  return join('/var/lib/sallyport', place, 'cluster/superuser-password')
}

/** A secret of a process, as its file has it. */
export function readSecret({ directory }: OwnStack, path: string): string {
  return readFileSync(join(directory, 'run', path), 'utf8').trim()
}

/** How the commands are run. */
export interface Rotation {
  readonly portBase: number
  /** Called before the old keys of the session cookies are taken out. */
  readonly beforeRemoval: () => Promise<void>
  /** From 1: keys of later rounds have other ids, and the two roles of the database are used in turn. */
  readonly round?: number
}

/** Runs every command of the page. */
export async function rotateSecrets(
  own: OwnStack,
  { portBase, beforeRemoval, round = 1 }: Rotation
): Promise<RotatedSecrets> {
  const printed: string[] = []
  const known = secretsInFiles(own)
  const newPassword = randomBytes(16).toString('hex')
  const [prelude = ''] = blocksOf('Commands').map(({ code }) => code)

  async function runShell(code: string): Promise<void> {
    const text = `${prelude}\n${code}`
      .replaceAll('.sallyport/run', join(own.directory, 'run'))
      .replaceAll(/127\.0\.0\.1:8(1\d\d)/g, (_, port: string) => `127.0.0.1:${portBase + Number(port) - 80}`)
      .replaceAll('localhost:8081', `localhost:${portBase + 1}`)
      .replaceAll(/\$\(key ([a-z])2\)/g, (_, ring: string) => `$(key ${ring}${round + 1})`)
      .replaceAll(`${SECOND_ROLE}:`, `${round % 2 === 1 ? SECOND_ROLE : FIRST_ROLE}:`)
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', text], {
      cwd: ROOT,
      env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, NEW_PASSWORD: newPassword },
      timeout: 120_000
    })
    printed.push(...stdout.split('\n').filter(line => line.startsWith('{"version"')))
    for (const secret of secretsInFiles(own)) known.add(secret)
  }

  async function runSection(section: string): Promise<void> {
    for (const { language, code } of blocksOf(section)) {
      if (section === 'Session cookies' && code.includes('cut -d')) await beforeRemoval()
      if (language === 'sql') await queryAsSuperuser(own, sqlOfRound(code, round).replace('…', newPassword))
      else await runShell(code)
    }
  }

  await Promise.all(
    CHAINS.map(async sections => {
      for (const section of sections) await runSection(section)
    })
  )
  return { printed, secrets: [...known, newPassword] }
}

/** The sections with commands that are run, for a test that none is left out. */
export const ROTATED_SECTIONS: readonly string[] = CHAINS.flat()

/** The headings below `Commands`. */
export function commandSections(): string[] {
  const [, commands = ''] = /^## Commands\n([\s\S]*?)^## /m.exec(PAGE) ?? []
  return [...commands.matchAll(/^### (.+)$/gm)].map(([, title = '']) => title)
}

/** The role is there after the first round, and from then on it is the other one's turn each time. */
function sqlOfRound(code: string, round: number): string {
  if (round === 1) return code
  const [next, last] = round % 2 === 1 ? [SECOND_ROLE, FIRST_ROLE] : [FIRST_ROLE, SECOND_ROLE]
  return `alter role ${code.startsWith('create') ? next : last} password '…'`
}

function blocksOf(title: string): ReturnType<typeof readmeBlocks> {
  const [, after = ''] = PAGE.split(`# ${title}\n`)
  const [section = ''] = after.split(/^#{2,3} /m)
  return readmeBlocks(section)
}

/** What is in the files, without the ids of keys and without the parts of a URL that are no secret. */
function secretsInFiles({ directory }: OwnStack): Set<string> {
  const texts = globSync('run/*/*', { cwd: directory }).map(path => readFileSync(join(directory, path), 'utf8'))
  const secrets = texts.flatMap(text =>
    text.startsWith('postgres')
      ? [new URL(text.trim()).password]
      : text.split(/\s+/).map(word => word.split(':').at(-1) ?? '')
  )
  return new Set(secrets.filter(secret => secret.length > 16))
}
