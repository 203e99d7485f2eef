import { describeExpectation, suggestName } from '@sallyport/security-context/options'
import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import type { PlacedMap, PlacedMistake, PlacedNode } from './placed-node.ts'
import { type ReferenceSources, replaceReferences } from './replace-references.ts'
import type { DocumentAnnotations } from './schema-parts.ts'

/** Where a value of the document stands. */
export interface DocumentPlace {
  readonly at: number
  /** Whether any of it came from a reference: it is not repeated in messages. */
  readonly isReferenced: boolean
}

/** Values of a document, and where they stand. Members that are wrong are left out. */
export interface CheckedDocument {
  readonly value: unknown
  /** By path, its parts joined with `/`: `routes/3/path`. */
  readonly places: ReadonlyMap<string, DocumentPlace>
  readonly mistakes: readonly PlacedMistake[]
}

/** What is read here of a schema. */
interface SchemaNode extends TSchema, DocumentAnnotations {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly anyOf?: readonly SchemaNode[]
  readonly items?: SchemaNode
  readonly minItems?: number
}

/** Checks every value of a document against its schema and replaces references; goes on after a mistake. */
export function checkDocument(schema: TSchema, root: PlacedNode, sources: ReferenceSources): CheckedDocument {
  const mistakes: PlacedMistake[] = []
  const places = new Map<string, DocumentPlace>()

  function refuse(at: number, message: string): undefined {
    mistakes.push({ at, message })
  }

  function check(given: SchemaNode, node: PlacedNode, path: string, label: string): unknown {
    const fitting = alternativeFor(given, node)
    places.set(path, { at: node.at, isReferenced: false })
    if (node.kind === 'map' && fitting?.properties !== undefined) return checkMembers(fitting, node, path)
    const [[pattern, entry] = []] = Object.entries(fitting?.patternProperties ?? {})
    if (node.kind === 'map' && pattern !== undefined && entry !== undefined) {
      return checkEntries(fitting?.keyExpectation, pattern, entry, node, path)
    }
    const { items } = fitting ?? {}
    if (node.kind === 'list' && items !== undefined) {
      if (node.items.length < (fitting?.minItems ?? 0)) return refuse(node.at, `${label} must not be empty`)
      return node.items.map((item, place) => check(items, item, memberPath(path, String(place)), `each of ${label}`))
    }
    if (node.kind === 'text') return checkText(given, fitting, node.value, node.at, path, label)
    if (node.kind === 'scalar' && fitting !== null && Value.Check(fitting, node.value)) return node.value
    const isUnquoted = node.kind === 'scalar' && node.value !== null && given.type === 'string'
    return refuse(node.at, `${mustBe(given, label)}${isUnquoted ? ': write it in quotes' : ''}`)
  }

  function checkText(
    given: SchemaNode,
    fitting: SchemaNode | null,
    written: string,
    at: number,
    path: string,
    label: string
  ): unknown {
    if (fitting?.type === 'string' && fitting.references === true) {
      const { text, isReferenced, mistakes: broken } = replaceReferences(written, sources)
      for (const message of broken) refuse(at, `${label}: ${message}`)
      if (broken.length > 0) return undefined
      places.set(path, { at, isReferenced })
      if (Value.Check(fitting, text)) return text
      const what = isReferenced ? `what ${written} stands for` : label
      return refuse(at, mustBe(given, isReferenced ? `${label}: ${what}` : what))
    }
    const isReference = written.includes('${')
    if (isReference) return refuse(at, `${label} takes no reference; it must be ${describeExpectation(given)}`)
    if (fitting !== null && Value.Check(fitting, written)) return written
    return refuse(at, mustBe(given, label))
  }

  function checkMembers(fitting: SchemaNode, node: PlacedMap, path: string): unknown {
    const { properties = {}, required = [], pushedOnly = [] } = fitting
    const known = Object.keys(properties)
    const value: Record<string, unknown> = {}
    for (const [name, { keyAt, node: member }] of node.members) {
      const schemaOfMember = Object.hasOwn(properties, name) ? properties[name] : undefined
      if (schemaOfMember !== undefined) value[name] = check(schemaOfMember, member, memberPath(path, name), name)
      else if (pushedOnly.includes(name)) refuse(keyAt, `${name} is only ever pushed: it belongs in the file of routes`)
      else refuse(keyAt, unknownName(name, known))
    }
    for (const name of required) {
      if (!node.members.has(name)) refuse(node.at, `${name} is missing`)
    }
    return value
  }

  function checkEntries(
    keyExpectation: string | undefined,
    pattern: string,
    entry: SchemaNode,
    node: PlacedMap,
    path: string
  ): unknown {
    const form = new RegExp(pattern, 'u')
    const entries: Array<readonly [string, unknown]> = []
    for (const [name, { keyAt, node: member }] of node.members) {
      if (!form.test(name)) refuse(keyAt, `${JSON.stringify(name)} must be ${keyExpectation ?? 'a name'}`)
      else entries.push([name, check(entry, member, memberPath(path, name), name)])
    }
    return Object.fromEntries(entries)
  }

  const value = check(schema, root, '', '')
  return { value, places, mistakes }
}

/** Of alternatives the one that this kind of value could be; `null` for none. */
function alternativeFor(schema: SchemaNode, { kind }: PlacedNode): SchemaNode | null {
  const kinds = {
    map: ['object'],
    list: ['array'],
    text: ['string', undefined],
    scalar: ['integer', 'number', 'boolean']
  }
  const fits = ({ type }: SchemaNode): boolean => kinds[kind].some(each => each === type)
  return (schema.anyOf ?? [schema]).find(fits) ?? null
}

function mustBe(schema: SchemaNode, label: string): string {
  return `${label === '' ? 'the document' : label} must be ${describeExpectation(schema)}`
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = suggestName(name, known)
  const hint = meant === null ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
  return `${JSON.stringify(name)} is not known here (${hint})`
}

function memberPath(path: string, part: string): string {
  return path === '' ? part : `${path}/${part}`
}
