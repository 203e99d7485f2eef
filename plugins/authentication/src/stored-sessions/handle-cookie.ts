import { randomBytes } from 'node:crypto'

/** The handle of a session as a request brings it. */
export type PresentedHandle =
  | { readonly kind: 'none' }
  /** Two cookies of the name: somebody else may have tossed one in. */
  | { readonly kind: 'duplicated' }
  /** No handle has this form. */
  | { readonly kind: 'invalid' }
  | { readonly kind: 'handle'; readonly handle: string }

const HANDLE_BYTES = 32
const HANDLE_FORM = /^[\w-]{43}$/

/** 256 random bits. */
export const newSessionHandle = (): string => randomBytes(HANDLE_BYTES).toString('base64url')

/** Finds the cookie of a name in a `Cookie` header. */
export function presentedHandle(name: string, header = ''): PresentedHandle {
  const values = header.split(';').flatMap(pair => {
    const equals = pair.indexOf('=')
    return equals !== -1 && pair.slice(0, equals).trim() === name ? [pair.slice(equals + 1).trim()] : []
  })
  const [handle, another] = values
  if (handle === undefined) return { kind: 'none' }
  if (another !== undefined) return { kind: 'duplicated' }
  return HANDLE_FORM.test(handle) ? { kind: 'handle', handle } : { kind: 'invalid' }
}
