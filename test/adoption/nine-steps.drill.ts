// docs/adopt.md, step by step: its files, its commands in one shell, and what they print.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { clusterUrl, connect } from '../support/database.ts'
import { isInstalled } from '../support/rolling-restart.ts'
import { openAdopterShell, type AdopterShell } from './support/adopter-shell.ts'
import { settledAdopter, type Adopter } from './support/adopter.ts'
import { linesNotPrinted, readAdoptionPage, type AdoptionSection, type AdoptionStep } from './support/adoption-page.ts'

const ALL_STEPS = 9
const PROGRAMS = ['curl', 'jq', 'openssl']
const missing = PROGRAMS.filter(name => spawnSync('bash', ['-c', `command -v ${name}`]).status !== 0)
const skip = missing.length === 0 ? false : `${missing.join(', ')} not installed here (apt-get install)`

t.test('an adopter comes from an empty folder to services of their own by the page alone', { skip }, async t => {
  const sections = readAdoptionPage()
  const numbers = sections.flatMap(({ title }) => /^\d+/.exec(title)?.[0] ?? [])
  t.strictSame(
    numbers,
    Array.from({ length: ALL_STEPS }, (_, index) => String(index + 1))
  )
  const adopter = await settledAdopter()
  const shell = openAdopterShell(adopter.scratch, adopter.environment)
  t.after(async () => await shell.end())
  t.after(dropEverything)
  for (const section of sections) {
    await t.test(section.title, { skip: whyNot(section) }, async t => await follow(t, section, adopter, shell))
    if (!t.passing()) break
  }
})

function whyNot({ title }: AdoptionSection): string | false {
  if (!title.includes('nginx') || isInstalled('nginx')) return false
  return 'nginx is not installed here (apt-get install nginx)'
}

async function follow(t: Test, { steps }: AdoptionSection, adopter: Adopter, shell: AdopterShell): Promise<void> {
  let printed = ''
  for (const step of steps) printed = (await take(t, step, adopter, shell, printed)) ?? printed
  t.pass('done')
}

/** Takes one step, and gives what its commands printed. */
async function take(
  t: Test,
  step: AdoptionStep,
  { shop, here }: Adopter,
  shell: AdopterShell,
  printed: string
): Promise<string | null> {
  switch (step.kind) {
    case 'file':
      writeFileSync(join(shop, step.path), here(step.code))
      return null
    case 'commands':
      return await shell.run(here(step.code))
    case 'administrator':
      await administer(step.code)
      return null
    case 'printed':
      t.strictSame(linesNotPrinted(step.lines.map(here), printed), [], `it prints what the page says:\n${printed}`)
      return null
    default:
      // The adopter has settled.
      return null
  }
}

async function administer(statements: string): Promise<void> {
  const administrator = connect(clusterUrl(), 1)
  try {
    for (const statement of statements.split(';\n')) {
      if (statement.trim() !== '') await administrator.raw(statement)
    }
  } finally {
    await administrator.destroy()
  }
}

/** What the page makes in the cluster. */
async function dropEverything(): Promise<void> {
  const created = readAdoptionPage()
    .flatMap(({ steps }) => steps)
    .flatMap(step => (step.kind === 'administrator' ? [...step.code.matchAll(/^create (role|database) (\w+)/gm)] : []))
  const names = (kind: string): string[] => created.filter(each => each[1] === kind).map(each => each[2] ?? '')
  await administer(
    [
      ...names('database').map(name => `drop database if exists ${name} with (force)`),
      ...names('role').map(name => `drop role if exists ${name}`)
    ].join(';\n')
  )
}
