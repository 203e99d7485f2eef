import type { RouteDescription } from '@sallyport/forwarding/document'
import type { RouteAccess } from '@sallyport/security-context'

/** Who may pass, in words: `role CUSTOMER or ADMIN, and scope orders:read`. */
export function accessInWords(access: RouteAccess): string {
  if (access === 'public') return 'everybody'
  if (access === 'authenticated') return 'every known caller'
  switch (access.kind) {
    case 'role':
      return `role ${access.anyOf.join(' or ')}`
    case 'scope':
      return `scope ${access.allOf.join(' and ')}`
    case 'allOf':
      return access.policies.map(accessInWords).join(', and ')
    case 'anyOf':
      return access.policies.map(accessInWords).join(', or ')
    default:
      return access.kind
  }
}

/** What the service gets as credential. */
export function credentialText(credential: RouteDescription['credential']): string {
  if (credential === 'token') return "the caller's own token"
  if (credential === 'none') return 'none'
  const { audience, scope } = credential
  return `a token for ${audience}${scope === undefined ? '' : ` with scope ${scope}`}`
}

/** How a caller proves who it is. */
export function strategiesText({ access, strategies }: RouteDescription): string {
  if (access === 'public') return 'not asked'
  return strategies === null ? 'any way that the gateway has' : strategies.join(', then ')
}

/** How recently, and how well. */
export function stepUpText({ maxAgeSeconds, acr }: NonNullable<RouteDescription['stepUp']>): string {
  const age = maxAgeSeconds === undefined ? [] : [`at most ${maxAgeSeconds} s ago`]
  return [...age, ...(acr === undefined ? [] : [`by ${acr.join(' or ')}`])].join(', ')
}

/** Pages of which origins may call. */
export function corsText(cors: RouteDescription['cors']): string {
  if (cors === null) return 'no page of another origin'
  const { origins, credentials = false } = cors
  return `${origins === '*' ? 'every page' : origins.join(', ')}${credentials ? ', with cookies' : ''}`
}

/** A table with aligned columns. */
export function alignedRows(rows: ReadonlyArray<readonly string[]>): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows
    .map(row =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}
