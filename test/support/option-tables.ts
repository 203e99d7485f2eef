// The tables of options in READMEs: between `<!-- options: MetricsOptions -->` and `<!-- /options -->` stands the table
// of that interface, made from its JSDoc; its schema has to say the same.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TObject, TSchema } from 'typebox'
import { ROOT, workspaces } from './packages.ts'
import { readInterfaces, type OptionInterface, type OptionMember } from './read-interfaces.ts'

/** What is read of the schema of an option. */
interface OptionSchema extends TSchema {
  readonly default?: unknown
  readonly defaultText?: string
}

const TABLE = /(<!-- options: (\w+) -->\n)[\s\S]*?(<!-- \/options -->)/g

/** A page of a package. */
interface OptionPage {
  readonly folder: string
  /** From the root. */
  readonly page: string
}

/** The pages of the packages that have tables of options. */
export function pagesWithOptions(): readonly OptionPage[] {
  return workspaces()
    .flatMap(({ folder }) => [join(folder, 'README.md'), ...docsOf(folder)].map(page => ({ folder, page })))
    .filter(({ page }) => existsSync(join(ROOT, page)) && readPage(page).includes('<!-- options: '))
}

/** The text of a page. */
export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

function docsOf(folder: string): string[] {
  const docs = join(folder, 'docs')
  return existsSync(join(ROOT, docs)) ? readdirSync(join(ROOT, docs)).map(name => join(docs, name)) : []
}

/** The interfaces that a README has tables of. */
export function documentedInterfaces(folder: string, readme: string): OptionInterface[] {
  const interfaces = readInterfaces(join(ROOT, folder, 'src'))
  return [...readme.matchAll(TABLE)].map(([, , name = '']) => {
    const found = interfaces.get(name)
    if (found === undefined) throw new Error(`${folder} has no interface ${name}`)
    return found
  })
}

/** A README with its tables of options made anew. */
export function withOptionTables(folder: string, readme: string): string {
  const interfaces = readInterfaces(join(ROOT, folder, 'src'))
  return readme.replaceAll(TABLE, (_all, start: string, name: string, end: string) => {
    const members = interfaces.get(name)?.members ?? []
    const rows = members.map(member => `| ${rowOf(member).map(escapeCell).join(' | ')} |\n`)
    return `${start}| option | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}${end}`
  })
}

function rowOf({ name, type, default: byDefault, isOptional, meaning }: OptionMember): string[] {
  const code = byDefault === null ? '' : `\`${byDefault}\``
  return [`\`${name}\``, `\`${type}\``, isOptional ? code : 'required', meaning]
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/**
 * What an interface says otherwise than its schema, which the same module exports under the interface's name with a
 * small first letter: members, whether they have to be given, and `@default`.
 */
export async function schemaDifferences({ name, file, members }: OptionInterface): Promise<string[]> {
  const exported: Readonly<Record<string, unknown>> = await import(file)
  const schema = exported[name[0]?.toLowerCase() + name.slice(1)] as TObject | undefined
  if (schema === undefined) return [`${file} exports no schema of ${name}`]
  const schemas: Readonly<Record<string, OptionSchema>> = schema.properties
  const unknown = Object.keys(schemas).filter(option => members.every(member => member.name !== option))
  return [
    ...unknown.map(option => `${name} lacks ${option}`),
    ...members.flatMap(member => memberDifferences(name, member, schemas[member.name], schema.required ?? []))
  ]
}

function memberDifferences(
  owner: string,
  { name, isOptional, default: written }: OptionMember,
  schema: OptionSchema | undefined,
  required: readonly string[]
): string[] {
  if (schema === undefined) return [`the schema of ${owner} lacks ${name}`]
  const made = schema.defaultText ?? (schema.default === undefined ? null : literal(schema.default))
  const mustBeGiven = required.includes(name) && schema.default === undefined
  return [
    ...(mustBeGiven === isOptional
      ? [`${owner}.${name} is ${isOptional ? '' : 'not '}optional, its schema differs`]
      : []),
    ...(withoutSeparators(written) === made
      ? []
      : [`@default of ${owner}.${name} is ${written}, of its schema ${made}`])
  ]
}

/** A value as it is written in code. */
function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const members = Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

function withoutSeparators(text: string | null): string | null {
  return text?.replaceAll(/(?<=\d)_(?=\d)/g, '') ?? null
}
