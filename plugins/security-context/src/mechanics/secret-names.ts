/** Parts by which a name, in lower case and without `_` and `-`, is one of a secret. */
const SECRET_PART = /pass(?:word|wd|phrase|code)|secret|token|authorization|cookie|credential|apikey|privatekey/
/** Names of secrets that no part gives away. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'auditcheckpointkeys',
  'auditnamekey',
  'auditpersonkeys',
  'auditprunerdatabaseurl',
  'auditpushheaders',
  'auditspillkeys',
  'configurationsnapshotkeys',
  'code',
  'codeverifier',
  'assertion',
  'clientassertion',
  'sealingkey',
  'sealingkeys',
  'clientkey',
  'databaseurl',
  'redisurl',
  'otelexporterotlpheaders'
])
/** The hash of a token's id gives nobody the token, and its type is the same for all. */
const HARMLESS = /token(?:idhash|type|typehint)$/
/** What is longer is no name, and not looked at. */
const LONGEST_SECRET_NAME = 256

/**
 * Whether a field, a header, a setting or an environment variable of this name holds a secret: for whatever is written
 * to a log or to the audit trail. Better one value too many hidden than one too few.
 */
export function isSecretName(name: string): boolean {
  if (name.length > LONGEST_SECRET_NAME) return true
  const plain = name
    .toLowerCase()
    .replaceAll(/[_-]/g, '')
    .replace(/^sallyport/, '')
  return SECRET_NAMES.has(plain) || (SECRET_PART.test(plain) && !HARMLESS.test(plain))
}

/**
 * Whether a field holds a secret, by its name and its value: `code` is an authorization code, and what operators search
 * for an error by; a number of tokens is none.
 */
export function isSecretField(name: string, value: unknown): boolean {
  if (typeof value === 'number' && /tokens$/i.test(name)) return false
  if (name.toLowerCase() !== 'code') return isSecretName(name)
  return typeof value === 'string' ? !isErrorCode(value) : typeof value === 'object' && value !== null
}

/**
 * Whether a query or form parameter of this name holds a secret. Percent-encoding can hide any of the names, so what
 * cannot be decoded or is encoded twice counts as a secret. A part of the name is enough, as in `user[password]`.
 * @param name as it was sent
 */
export function isSecretParameter(name: string): boolean {
  const decoded = decodedName(name)
  if (decoded === null || decoded.includes('%')) return true
  if (isSecretName(decoded)) return true
  const parts = decoded.split(/[^A-Za-z0-9_]/)
  return parts.length > 1 && parts.some(isSecretName)
}

/** Whether the value of a field `code` names an error: a constant of ours or of a library, an errno, a SQLSTATE. */
function isErrorCode(value: string): boolean {
  return value.length <= 64 && /^(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+|E[A-Z0-9]{2,15}|[0-9A-Z]{5})$/.test(value)
}

function decodedName(name: string): string | null {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return null
  }
}
