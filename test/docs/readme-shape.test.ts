// The READMEs of the plugins have one shape: what it is, how to install it, a short start that runs, then the rest.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, workspaces } from '../support/packages.ts'

/** In this order; further sections stand anywhere between Usage and Errors. */
const SECTIONS = [
  'Install',
  'Usage',
  'Options',
  'Decorators',
  'Hooks',
  'Errors',
  'TypeScript',
  'Security notes',
  'Runtime dependencies'
]

/** Longer reference goes to pages of its own, in the folder `docs` of the plugin. */
const LONGEST_README = 250
const LONGEST_INTRODUCTION = 5
const LONGEST_START = 30

function shapeMistakes(name: string, readme: string): string[] {
  const mistakes: string[] = []
  const lines = readme.split('\n')
  if (lines[0] !== `# ${name}`) mistakes.push(`the title is not ${name}`)
  if (lines.length > LONGEST_README) mistakes.push(`${lines.length} lines, ${LONGEST_README} are allowed`)
  const headings = [...readme.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading)
  const expected = SECTIONS.filter(section => !headings.includes(section)).map(section => `no section ${section}`)
  mistakes.push(...expected)
  const places = SECTIONS.map(section => headings.indexOf(section)).filter(place => place >= 0)
  if (places.some((place, index) => place < (places[index - 1] ?? 0))) {
    mistakes.push('the sections are in another order')
  }
  if (headings[0] !== 'Install' || headings[1] !== 'Usage') mistakes.push('it does not begin with Install and Usage')
  const introduction = readme.slice(0, readme.indexOf('\n## ')).trim().split('\n').slice(2)
  if (introduction.length > LONGEST_INTRODUCTION) mistakes.push('it does not say in short what it is')
  const start = /^## Usage\n(?:(?!^## )[\s\S])*?^```(ts[^\n]*)\n([\s\S]*?)^```$/m.exec(readme)
  if (start?.[1] !== 'ts') mistakes.push('the first code of Usage does not run')
  if ((start?.[2]?.split('\n').length ?? 0) > LONGEST_START) mistakes.push('the start is long')
  return mistakes
}

for (const { folder, name } of workspaces().filter(({ folder }) => folder.startsWith('plugins/'))) {
  t.test(`the README of ${name} has the shape of its neighbours`, async t => {
    t.strictSame(shapeMistakes(name, readFileSync(join(ROOT, folder, 'README.md'), 'utf8')), [])
  })
}

t.test('a README of another shape is found', async t => {
  const readme = readFileSync(join(ROOT, 'plugins/metrics/README.md'), 'utf8')
  t.match(shapeMistakes('@sallyport/other', readme), ['the title is not @sallyport/other'])
  t.match(shapeMistakes('@sallyport/metrics', readme.replace('## Options', '## Choices')), ['no section Options'])
  t.match(shapeMistakes('@sallyport/metrics', readme.replace('```ts\n', '```ts fragment\n')), [/does not run/])
  const swapped = readme.replace('## Hooks', '## H').replace('## Errors', '## Hooks').replace('## H\n', '## Errors\n')
  t.match(shapeMistakes('@sallyport/metrics', swapped), ['the sections are in another order'])
  t.match(shapeMistakes('@sallyport/metrics', readme + '\n'.repeat(250)), [/lines, 250 are allowed/])
})
