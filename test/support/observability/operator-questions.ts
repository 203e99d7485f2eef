// Runs the commands of docs/observability.md that answer an operator's questions.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../packages.ts'
import { readmeBlocks } from '../readme-blocks.ts'

const run = promisify(execFile)
const PAGE = 'docs/observability.md'

/** The variables that `npm run observe -- --variables` prints for the stack of a folder. */
export async function runbookVariables(directory: string): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run(process.execPath, [
    '--conditions=@sallyport/source',
    join(ROOT, 'deploy/local/src/observe/run-observe.ts'),
    ...['--directory', directory, '--variables']
  ])
  return Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value])
  )
}

/**
 * What the commands under a heading of the page print.
 * @param variables those that `npm run observe -- --variables` prints, and `LOG`
 * @param asks which commands: those of Prometheus, or all others
 */
export async function answersTo(
  question: string,
  variables: Readonly<Record<string, string>>,
  folder: string,
  asks: 'prometheus' | 'others' = 'others'
): Promise<string> {
  const page = readFileSync(join(ROOT, PAGE), 'utf8')
  const [, rest] = page.split(`\n### ${question}\n`)
  if (rest === undefined) throw new Error(`${PAGE} has no "${question}"`)
  const [section = ''] = rest.split(/^##/m)
  const blocks = readmeBlocks(section).filter(({ code }) => code.startsWith('promtool') === (asks === 'prometheus'))
  const script = blocks.map(({ code }) => code).join('')
  const { stdout } = await run('bash', ['-eo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { ...process.env, ...variables },
    maxBuffer: 2 ** 26
  })
  return stdout
}
