import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { environmentName } from './names.ts'
import { splitList, type Found, type SettingSchemas, type SourceContent } from './sources.ts'

/** What Kubernetes changes in one step: a link to the folder that holds the files. */
const DATA_LINK = '..data'
const MAX_VALUE_BYTES = 1_048_576

/**
 * Reads mounted directories, such as a ConfigMap or a Secret of Kubernetes: one file a setting, named as the setting or
 * as its environment variable; values are strings, not yet coerced. A later directory wins. Names that begin with a dot
 * are not looked at. Where there is a `..data` link all files are read from where it points to, so that no reading is
 * half old and half new.
 */
export function readDirectories(
  schemas: SettingSchemas,
  directories: readonly string[],
  prefix: string
): SourceContent {
  const found = new Map<string, Found>()
  const mistakes: string[] = []
  const settings = new Map(
    Object.keys(schemas).flatMap(key => [
      [key, key],
      [environmentName(key, prefix), key]
    ])
  )
  for (const directory of directories) {
    const names = fileNames(directory)
    if (names === null) {
      mistakes.push(`directory ${directory}: cannot be read`)
      continue
    }
    const seen = new Set<string>()
    for (const { name, path } of names) {
      const key = settings.get(name)
      const schema = key === undefined ? undefined : schemas[key]
      if (key === undefined || schema === undefined) {
        mistakes.push(`${name}: is in directory ${directory}, but there is no such setting`)
      } else if (seen.has(key)) mistakes.push(`${key}: is twice in directory ${directory}`)
      else {
        seen.add(key)
        const content = readValueFile(path)
        if (content === null) mistakes.push(`${key}: the file ${name} in directory ${directory} cannot be read`)
        else found.set(key, { value: splitList(schema, content), origin: `directory ${directory}` })
      }
    }
  }
  return { found, mistakes }
}

/** The files that can be settings, in the order of their names; `null` when the directory cannot be read. */
function fileNames(directory: string): Array<{ readonly name: string; readonly path: string }> | null {
  try {
    const from = hasDataLink(directory) ? realpathSync(join(directory, DATA_LINK)) : directory
    return readdirSync(from)
      .filter(name => !name.startsWith('.'))
      .sort()
      .map(name => ({ name, path: join(from, name) }))
  } catch {
    return null
  }
}

function hasDataLink(directory: string): boolean {
  return lstatSync(join(directory, DATA_LINK), { throwIfNoEntry: false })?.isSymbolicLink() === true
}

/** The content without one trailing newline; `null` when it is no file of a sensible size, or unreadable. */
function readValueFile(path: string): string | null {
  try {
    const about = statSync(path)
    if (!about.isFile() || about.size > MAX_VALUE_BYTES) return null
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return null
  }
}
