import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GeneratorError } from './generator-error.ts'
import type { Replacement } from './template-names.ts'

const PACKAGE = join(import.meta.dirname, '..')
/** Where a template says the version of the project. */
const VERSION_OF_TEMPLATES = '0.0.0'

/**
 * Copies a template to a folder that does not exist yet, with other names in paths and texts.
 * @param replacements in this order
 * @throws {GeneratorError} when the folder exists
 */
export function copyTemplate(template: 'service' | 'app', target: string, replacements: readonly Replacement[]): void {
  if (existsSync(target)) throw new GeneratorError(`${target} exists; nothing was changed`)
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  const all: readonly Replacement[] = [...replacements, [VERSION_OF_TEMPLATES, version]]
  const named = (text: string): string => all.reduce((changed, [from, to]) => changed.replaceAll(from, to), text)
  const source = join(PACKAGE, 'templates', template)
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!statSync(join(source, file)).isFile()) continue
    // npm leaves a file `.gitignore` out of what it packs.
    const path = join(target, named(file).replace(/^gitignore$/, '.gitignore'))
    mkdirSync(dirname(path), { recursive: true })
    const { mode } = statSync(join(source, file))
    writeFileSync(path, named(readFileSync(join(source, file), 'utf8')), { flag: 'wx', mode })
  }
}
