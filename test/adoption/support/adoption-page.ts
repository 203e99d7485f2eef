// docs/adopt.md as a script: its files, commands and what they print.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../support/packages.ts'
import { readmeBlocks, type ReadmeBlock } from '../../support/readme-blocks.ts'

/** One block of the page. */
export type AdoptionStep =
  | { readonly kind: 'file'; readonly path: string; readonly code: string }
  | { readonly kind: 'clone' | 'install' | 'commands' | 'administrator'; readonly code: string }
  /** What the commands above print, line by line; `…` is anything. */
  | { readonly kind: 'printed'; readonly lines: readonly string[] }

/** A part of the page below a heading. */
export interface AdoptionSection {
  readonly title: string
  readonly steps: readonly AdoptionStep[]
}

const FILE_NAME = /^[\w.-]+\.(ts|mjs|json|yaml)$/

/** The sections of the page that have blocks, in their order. @throws when a block is of no known kind */
export function readAdoptionPage(): AdoptionSection[] {
  return readFileSync(join(ROOT, 'docs/adopt.md'), 'utf8')
    .split(/^(?=## )/m)
    .map(text => ({
      title: /^## (.*)/.exec(text)?.[1] ?? '',
      steps: readmeBlocks(text)
        .filter(({ mark }) => mark !== 'manual')
        .map(stepOf)
    }))
    .filter(({ steps }) => steps.length > 0)
}

function stepOf({ language, mark, code }: ReadmeBlock): AdoptionStep {
  if (language === 'sh' && (mark === 'clone' || mark === 'install')) return { kind: mark, code }
  if (language === 'sh' && mark === '') return { kind: 'commands', code }
  if (language === 'sql' && mark === '') return { kind: 'administrator', code }
  if (language === 'text' && mark === '') return { kind: 'printed', lines: code.trimEnd().split('\n') }
  if (FILE_NAME.test(mark)) return { kind: 'file', path: mark, code }
  throw new Error(`docs/adopt.md has a block of no known kind: ${language} ${mark}`)
}

/** The lines that were expected and are not there, in their order. */
export function linesNotPrinted(lines: readonly string[], printed: string): string[] {
  const found = printed.split('\n').map(line => line.trimEnd())
  let next = 0
  return lines.filter(line => {
    const at = found.findIndex((each, index) => index >= next && fits(each, line.split('…')))
    if (at >= 0) next = at + 1
    return at < 0
  })
}

/** Whether a text consists of these parts, with anything between them. */
function fits(text: string, [first = '', ...others]: readonly string[]): boolean {
  if (others.length === 0) return text === first
  const last = others.at(-1) ?? ''
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let rest = text.slice(first.length, text.length - last.length)
  return others.slice(0, -1).every(part => {
    const at = rest.indexOf(part)
    rest = rest.slice(at + part.length)
    return at >= 0
  })
}
