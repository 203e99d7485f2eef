import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { environmentName, isInNamespace } from './names.ts'
import type { SettingSchema } from './schema.ts'
import { collidingService, isServiceLink } from './service-links.ts'

/** A value as it was found, and where. */
export interface Found {
  readonly value: unknown
  readonly origin: string
}

/** What one kind of source holds: values by setting, and what is wrong with it. */
export interface SourceContent {
  readonly found: Map<string, Found>
  readonly mistakes: readonly string[]
}

/** The schema of each setting. */
export type SettingSchemas = Readonly<Record<string, SettingSchema>>

/**
 * Reads environment variables and the files that `*_FILE` variables name; values are strings, not yet coerced. The
 * links of Kubernetes to Services whose names begin with the prefix are not looked at.
 */
export function readEnvironment(
  schemas: SettingSchemas,
  environment: Readonly<Record<string, string | undefined>>,
  prefix: string
): SourceContent {
  const found = new Map<string, Found>()
  const mistakes: string[] = []
  const known = new Set<string>()
  for (const [key, schema] of Object.entries(schemas)) {
    const name = environmentName(key, prefix)
    const fileName = `${name}_FILE`
    known.add(name).add(fileName)
    const { [name]: value, [fileName]: path } = environment
    if (value !== undefined && path !== undefined) {
      mistakes.push(`${key}: both ${name} and ${fileName} are set in the environment`)
    } else if (value !== undefined) {
      const service = collidingService(name, value)
      if (service === null) found.set(key, { value: splitList(schema, value), origin: `environment ${name}` })
      else mistakes.push(collisionText(key, name, service))
    } else if (path !== undefined) {
      const content = readSecretFile(path)
      if (content === null) {
        mistakes.push(`${key}: the file ${path}, named by ${fileName} in the environment, cannot be read`)
      } else found.set(key, { value: splitList(schema, content), origin: `file ${path} (environment ${fileName})` })
    }
  }
  for (const name of Object.keys(environment)) {
    if (!isInNamespace(name, prefix) || environment[name] === undefined || known.has(name)) continue
    if (!isServiceLink(name, environment)) {
      mistakes.push(`${name}: is set in the environment, but there is no such setting`)
    }
  }
  return { found, mistakes }
}

/** Reads JSON and YAML (`.yaml`, `.yml`) files of camelCase settings; a later file wins. */
export function readFiles(schemas: SettingSchemas, files: readonly string[]): SourceContent {
  const found = new Map<string, Found>()
  const mistakes: string[] = []
  for (const path of files) {
    const content = readObjectFile(path)
    if (typeof content === 'string') mistakes.push(`file ${path}: ${content}`)
    else {
      for (const [key, value] of Object.entries(content)) {
        const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined
        if (schema !== undefined) found.set(key, { value: structuredText(schema, value), origin: `file ${path}` })
        else mistakes.push(`${key}: is set in file ${path}, but there is no such setting`)
      }
    }
  }
  return { found, mistakes }
}

function collisionText(key: string, variable: string, service: string): string {
  return (
    `${key}: ${variable} holds a link to the Kubernetes Service ${service} and not this setting: ` +
    'rename the Service, or set enableServiceLinks: false for the pod'
  )
}

/** The text of a setting that is one of objects, and may be written as such where there is a form for that. */
export function structuredText(schema: SettingSchema, value: unknown): unknown {
  return schema.structured === true && typeof value === 'object' ? JSON.stringify(value) : value
}

/** The items of a list that is written as one string; other settings as they are. */
export function splitList(schema: SettingSchema, value: string): unknown {
  if (schema.separator === undefined) return value
  return value.split(schema.separator).filter(item => item !== '')
}

/** The content without one trailing newline, as editors and `echo` add it; `null` when unreadable. */
function readSecretFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return null
  }
}

/** The object in a file, or what is wrong with it. The parser's own message is left out: it quotes the content. */
function readObjectFile(path: string): Record<string, unknown> | string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return 'cannot be read'
  }
  const isYaml = ['.yaml', '.yml'].includes(extname(path))
  const format = isYaml ? 'YAML' : 'JSON'
  try {
    const content: unknown = isYaml ? parseSettingsYaml(text) : JSON.parse(text)
    return typeof content === 'object' && content !== null && !Array.isArray(content)
      ? { ...content }
      : `does not hold a ${format} object`
  } catch {
    return `is not ${format}`
  }
}

/** YAML 1.2 without aliases, which make a short text long, and without a name twice. */
function parseSettingsYaml(text: string): unknown {
  return parseYaml(text, { version: '1.2', schema: 'core', maxAliasCount: 0, uniqueKeys: true, logLevel: 'error' })
}
