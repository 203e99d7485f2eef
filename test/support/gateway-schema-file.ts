// The published JSON Schema of `gateway.yaml`, made from the schema that the reader applies.
import { gatewaySchema } from '@sallyport/forwarding/document'

/** Where it is published, from the root. */
export const GATEWAY_SCHEMA_PATH = 'plugins/forwarding/src/document/gateway.schema.json'

/** For the reader alone: other tools know no such words. */
const READER_WORDS = ['expectation', 'keyExpectation', 'references']

/** The text of the file. */
export function publishedGatewaySchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'gateway.yaml of Sallyport' }
  return `${JSON.stringify({ ...head, ...gatewaySchema }, withoutReaderWords, 2)}\n`
}

/** The page that lists every member. */
export const GATEWAY_PAGE_PATH = 'docs/gateway.md'

/** A page with the table of all members between its marks. */
export function withGatewayMembers(page: string): string {
  const rows = memberRows(JSON.parse(JSON.stringify(gatewaySchema)) as MemberSchema, '').map(
    row => `| ${row.join(' | ')} |`
  )
  const table = ['| member | value | meaning |', '|---|---|---|', ...rows].join('\n')
  return page.replace(/(<!-- gateway\.yaml -->\n)[^]*?(<!-- \/gateway\.yaml -->)/, `$1${table}\n$2`)
}

/** What is read here of a schema. */
interface MemberSchema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly const?: string
  readonly references?: boolean
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, MemberSchema>>
  readonly patternProperties?: Readonly<Record<string, MemberSchema>>
  readonly items?: MemberSchema
  readonly anyOf?: readonly MemberSchema[]
}

function memberRows(schema: MemberSchema, path: string): string[][] {
  const { properties = {}, patternProperties = {}, required = [], items, anyOf = [] } = schema
  const own = Object.entries(properties)
    .filter(([name]) => name !== '$schema')
    .flatMap(([name, member]) => {
      const at = path === '' ? name : `${path}.${name}`
      const isRequired = required.includes(name) ? ', required' : ''
      return [[`\`${at}\``, `${valueText(member)}${isRequired}`, member.description ?? ''], ...memberRows(member, at)]
    })
  return [
    ...own,
    ...Object.values(patternProperties).flatMap(entry => memberRows(entry, `${path}.<name>`)),
    ...(items === undefined ? [] : memberRows(items, `${path}[]`)),
    ...anyOf.flatMap(alternative => memberRows(alternative, path))
  ]
}

function valueText(schema: MemberSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(valueText).join(' or ')
  if (schema.enum !== undefined) return schema.enum.map(value => `\`${value}\``).join(', ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.items !== undefined) return `list of ${valueText(schema.items)}`
  const words: Readonly<Record<string, string>> = {
    string: schema.references === true ? 'text, references' : 'text',
    integer: 'whole number',
    boolean: '`true` or `false`'
  }
  return words[schema.type ?? ''] ?? 'object'
}

function withoutReaderWords(name: string, value: unknown): unknown {
  return READER_WORDS.includes(name) || name.startsWith('~') ? undefined : value
}
