import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../support/packages.ts'

/**
 * The files that CONTRIBUTING.md names for a change; `<…>` in a path stands for any name, and a folder for all that is
 * in it.
 */
export function describedFiles(title: string): readonly string[] {
  const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  const section = page.split(/^#+ /m).find(text => text.toLowerCase().startsWith(`${title}\n`))
  if (section === undefined) throw new Error(`CONTRIBUTING.md has no section for ${title}`)
  return [...section.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)
}

function pathPattern(path: string): RegExp {
  const parts = path.split(/<[^>]+>/).map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^/]+')}${path.endsWith('/') ? '.+' : ''}$`)
}

/**
 * How the files that a change touched differ from those that are described for it, as one line each. A file that is
 * described by its own name stands for no other.
 */
export function differences(changed: readonly string[], described: readonly string[]): string[] {
  const isMeant = (path: string, file: string): boolean =>
    path === file || (!described.includes(file) && pathPattern(path).test(file))
  return [
    ...changed.filter(file => !described.some(path => isMeant(path, file))).map(file => `changes ${file} as well`),
    ...described.filter(path => !changed.some(file => isMeant(path, file))).map(path => `does not change ${path}`)
  ]
}
