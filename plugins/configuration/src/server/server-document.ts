import { isJsonObject, ownMember, parseJsonObject } from '@sallyport/security-context/mechanics'

/** Which document of a configuration server is read. Each is a token, never a path. */
export interface DocumentName {
  readonly application: string
  /** Or several, separated by commas; the last one weighs most. */
  readonly profile: string
  readonly label: string
}

/** What a configuration server said, in the form that is kept and given to `loadSettings`. */
export interface ServerDocument {
  /** As the server names it: a commit, a number; `null` where it names none that can be printed. */
  readonly version: string | null
  /** By setting; the first property source that has one wins. */
  readonly values: Readonly<Record<string, unknown>>
}

const NAME_TOKEN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/
const MOST_PROFILES = 8
const MAX_SOURCES = 64
const MAX_PROPERTIES = 2000
const OWN_PREFIX = 'sallyport.'
/** Names and versions appear in messages, on terminals too. */
const PRINTABLE = /^[\x21-\x7e]{1,128}$/
const LIST_ITEM = /^([A-Za-z0-9-]+)\[(\d{1,3})\]$/

/** Whether a name can be part of the address of a document. `..` in it would still be one segment, and is refused. */
export function isDocumentToken(name: string): boolean {
  return NAME_TOKEN.test(name) && !name.includes('..')
}

/** Whether a text is one profile, or up to eight that are separated by commas. */
export function isProfileList(text: string): boolean {
  const profiles = text.split(',')
  return profiles.length <= MOST_PROFILES && profiles.every(isDocumentToken)
}

/**
 * Reads the answer of a configuration server in the form of Spring Cloud Config. The names of settings are as in a
 * file, or in words with hyphens, with or without `sallyport.` in front; other names with a dot are those of other
 * programs and are left out. Items of lists may be `name[0]`, `name[1]`.
 * @throws {TypeError} with a reason that quotes no value
 * @see https://docs.spring.io/spring-cloud-config/docs/current/reference/html/ "Environment Repository"
 */
export function readServerDocument(text: Uint8Array | string, { application }: DocumentName): ServerDocument {
  const body = parseJsonObject(text)
  if (body === null) throw new TypeError('the answer is not a JSON object')
  if (ownMember(body, 'name') !== application) throw new TypeError('the answer is for another application')
  const sources = ownMember(body, 'propertySources')
  if (!Array.isArray(sources) || sources.length > MAX_SOURCES) {
    throw new TypeError(`propertySources is no list of ${MAX_SOURCES} at most`)
  }
  const values = new Map<string, unknown>()
  for (const source of sources) {
    for (const [key, value] of propertiesIn(source)) if (!values.has(key)) values.set(key, value)
  }
  const version = ownMember(body, 'version')
  return {
    version: typeof version === 'string' && PRINTABLE.test(version) ? version : null,
    values: Object.fromEntries(values)
  }
}

function propertiesIn(source: unknown): Map<string, unknown> {
  const properties = isJsonObject(source) ? ownMember(source, 'source') : null
  if (!isJsonObject(properties)) throw new TypeError('a property source has no properties')
  const entries = Object.entries(properties)
  if (entries.length > MAX_PROPERTIES) throw new TypeError(`a property source has over ${MAX_PROPERTIES} properties`)
  const values = new Map<string, unknown>()
  for (const [name, value] of entries) {
    const own = name.startsWith(OWN_PREFIX) ? name.slice(OWN_PREFIX.length) : name
    if (own.includes('.')) continue
    if (!PRINTABLE.test(own)) throw new TypeError('a property has a name that cannot be printed')
    const [, list, index] = LIST_ITEM.exec(own) ?? []
    if (list === undefined) values.set(camelCase(own), value)
    else addItem(values, camelCase(list), Number(index), value)
  }
  return values
}

function addItem(values: Map<string, unknown>, key: string, index: number, value: unknown): void {
  const items: unknown = values.get(key) ?? []
  if (!Array.isArray(items) || index !== items.length) throw new TypeError(`${key}: its items are not in order`)
  values.set(key, [...(items as unknown[]), value])
}

/** `logins-per-minute` is `loginsPerMinute`. */
function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
}
