import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from './packages.ts'

const CODE_FENCE = /^\s*(```|~~~)[\s\S]*?^\s*\1/gm
const SOURCE_ENDINGS = /\.(ts|mjs|md|cfg|conf)$/

/** Folders whose files are ours; a name in prose may be given from any of them. */
const TOP_FOLDERS = ['plugins', 'auth-server', 'reference-gateway', 'reference-services', 'deploy', 'docs', 'test']

/**
 * What a Markdown page names and the repository does not have: targets of relative links with their headings, and file
 * names in backticks. A bare name (`app.ts`) has to be the name of some file; a path is looked for from the root, from
 * the page, and at the end of any file's path.
 */
export function missingNames(page: string, text: string): string[] {
  const prose = text.replace(CODE_FENCE, '')
  return [...missingTargets(page, prose), ...missingFiles(page, prose)]
}

function missingTargets(page: string, prose: string): string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return []
    const [path = '', heading] = target.split('#')
    const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
    if (!existsSync(file)) return [`link to ${target}`]
    if (heading === undefined) return []
    return !statSync(file).isDirectory() && headingsIn(readFileSync(file, 'utf8')).has(heading)
      ? []
      : [`heading ${target}`]
  })
}

/** The anchors of a page, as GitHub makes them. */
function headingsIn(text: string): ReadonlySet<string> {
  const titles = [...text.replace(CODE_FENCE, '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title)
  return new Set(
    titles.map(title =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')
    )
  )
}

function missingFiles(page: string, prose: string): string[] {
  return [...prose.matchAll(/`([\w./@-]+)`/g)].flatMap(([, name = '']) => {
    if (!isNameOfOurs(name)) return []
    const clean = name.replace(/\/$/, '')
    if ([ROOT, join(ROOT, dirname(page))].some(folder => existsSync(join(folder, clean)))) return []
    return sourcePaths().some(path => path.endsWith(`/${clean}`)) ? [] : [`file ${name}`]
  })
}

function isNameOfOurs(name: string): boolean {
  return SOURCE_ENDINGS.test(name) || (name.includes('/') && TOP_FOLDERS.includes(name.split('/')[0] ?? ''))
}

let known: readonly string[] | undefined

function sourcePaths(): readonly string[] {
  known ??= TOP_FOLDERS.flatMap(folder => filesBelow(folder))
  return known
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return ['node_modules', 'dist'].includes(entry.name) || entry.name.startsWith('.') ? [] : filesBelow(path)
  })
}
