/** Names of fields, headers and parameters whose values are secrets: lower case, without `_` and `-`. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'apikey',
  'xapikey',
  'password',
  'newpassword',
  'currentpassword',
  'passwordpepper',
  'passwordpeppers',
  'auditnamekey',
  'secret',
  'clientsecret',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'idtokenhint',
  'subjecttoken',
  'actortoken',
  'logouttoken',
  'code',
  'codeverifier',
  'assertion',
  'clientassertion',
  'sealingkey',
  'sealingkeys',
  'privatekey',
  'databaseurl'
])

/** Whether a field, a header or an environment variable of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return (
    name.length <= 32 &&
    SECRET_NAMES.has(
      name
        .toLowerCase()
        .replaceAll(/[_-]/g, '')
        .replace(/^sallyport/, '')
    )
  )
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
export function isErrorCode(value: string): boolean {
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
