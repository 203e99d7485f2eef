import { isSecretField } from '@sallyport/security-context/mechanics'

/**
 * What becomes of the value of a member of `detail`: kept, kept as a keyed hash that can be joined, sealed under the
 * key of a person, or replaced before it is stored.
 */
export type FieldClass = 'public' | 'joinable' | 'personal' | 'secret'

/**
 * Finds the class of a member by its name, and by its value where the name has two meanings. The `jti` of a token is
 * kept as its hash.
 */
export type ClassifyField = (name: string, value: unknown) => FieldClass | 'token-id'

const TOKEN_ID_NAME = /[tT]okenId$/
const LONGEST_REMEMBERED_NAME = 64
const MAX_REMEMBERED_NAMES = 1000

/** Members that are about a person, wherever they stand in `detail`. */
const PERSONAL_NAMES = [
  'sourceAddress',
  'peerAddress',
  'userAgent',
  'username',
  'nameTried',
  'givenName',
  'familyName',
  'fullName',
  'displayName',
  'birthDate',
  'email',
  'phone',
  'phoneNumber',
  'postalAddress',
  'deliveryAddress'
] as const

/**
 * Makes the table of classes. What a table of the caller says of a name comes first, but a name that looks like a
 * secret stays one. Case, `_` and `-` make no difference.
 * @param declared classes by member name
 * @param secrets more names of secrets
 */
export function fieldClasses(
  declared: Readonly<Record<string, FieldClass>> = {},
  secrets: readonly string[] = []
): ClassifyField {
  const classes = new Map<string, FieldClass>([
    ...PERSONAL_NAMES.map(name => [plainName(name), 'personal'] as const),
    ...Object.entries(declared).map(([name, fieldClass]) => [plainName(name), fieldClass] as const),
    ...secrets.map(name => [plainName(name), 'secret'] as const)
  ])
  function classOf(name: string, value: unknown): FieldClass | 'token-id' {
    const named = classes.get(plainName(name))
    if (named !== 'secret' && TOKEN_ID_NAME.test(name) && typeof value === 'string') return 'token-id'
    return isSecretField(name, value) ? 'secret' : (named ?? 'public')
  }
  return rememberClasses(classOf)
}

/**
 * Names come again and again; those of strangers are not kept for ever. Of a value only its type counts, except next to
 * `code`, which names an error or a secret.
 */
function rememberClasses(classOf: ClassifyField): ClassifyField {
  const known = new Map<string, Map<string, FieldClass | 'token-id'>>()
  return (name, value) => {
    if (name.length > LONGEST_REMEMBERED_NAME || name.toLowerCase() === 'code') return classOf(name, value)
    const type = typeof value
    const ofType = known.get(type) ?? new Map<string, FieldClass | 'token-id'>()
    known.set(type, ofType)
    const remembered = ofType.get(name)
    if (remembered !== undefined) return remembered
    const found = classOf(name, value)
    if (ofType.size >= MAX_REMEMBERED_NAMES) ofType.clear()
    ofType.set(name, found)
    return found
  }
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}
