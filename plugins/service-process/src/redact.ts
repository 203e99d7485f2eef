const HIDDEN = '[redacted]'

/** Names of fields, headers and query parameters whose values are secrets. */
const SECRET_NAMES = [
  'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'password', 'secret', 'client_?secret', 'token', 'access_?token', 'refresh_?token',
  'id_?token(?:_?hint)?', 'subject_?token', 'actor_?token', 'code', 'code_?verifier', '(?:client_?)?assertion', 'sealing_?keys?', 'private_?key', 'database_?url'
].join('|')

const RULES: ReadonlyArray<readonly [RegExp, string]> = [
  // A JSON member, at any depth: a string or an array of strings.
  [new RegExp(`("(?:${SECRET_NAMES})":)(?:"(?:[^"\\\\]|\\\\.)*"|\\[[^\\]]*\\])`, 'gi'), `$1"${HIDDEN}"`],
  // The same in JSON that was logged as a string.
  [new RegExp(`(\\\\"(?:${SECRET_NAMES})\\\\":\\s*)\\\\"(?:(?!\\\\").)*\\\\"`, 'gi'), `$1\\"${HIDDEN}\\"`],
  // A query or form parameter, also in the text of a 404; a percent-encoded name could spell any of the names.
  [new RegExp(`((?:[?&]|\\b)(?:${SECRET_NAMES})=|[?&][^=&\\s"]*%[^=&\\s"]*=)[^&\\s"#\\\\]+`, 'gi'), `$1${HIDDEN}`],
  // An Authorization value wherever it is quoted.
  [/\b(Bearer|DPoP|Basic) +(?=[^\s"]*[A-Z0-9=])[\w\-.~+/]{6,}=*/g, `$1 ${HIDDEN}`],
  // A JWT.
  [/\beyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)*/g, HIDDEN],
  // Credentials in a URL.
  [/(:\/\/)[^/@\s"]*@/g, `$1${HIDDEN}@`]
]

/**
 * Hides secrets in one line of a JSON log: known fields at any depth, authorization values, JWTs, credentials and token
 * parameters in URLs. It works on the finished line, so that no message, error text or nested object gets around it.
 */
export function redactLine (line: string): string {
  let redacted = line
  for (const [pattern, replacement] of RULES) redacted = redacted.replace(pattern, replacement)
  return redacted
}
