import type { CookieSerializeOptions } from '@fastify/cookie'
import { chunkNames, splitCookie, type NamedValue } from './cookie-chunks.ts'
import { cutSessionCookies, type SealedCookies } from './cut-cookies.ts'
import type { ReadSessionOptions } from './options.ts'
import { splitPairing, type PairedToken } from './pairing.ts'
import { createSealer } from './seal.ts'

/** The tokens of a session. */
export interface SessionTokens {
  readonly accessToken: string
  readonly refreshToken: string | null
}

/** What a request's session cookies are. */
export type SessionCookies =
  | { readonly kind: 'none' }
  /** Two cookies of one name: somebody else may have tossed one in. */
  | { readonly kind: 'duplicated' }
  /** At least one cannot be unsealed. */
  | { readonly kind: 'invalid' }
  /** The access token of one session and the refresh token of another. */
  | { readonly kind: 'mismatched' }
  | {
      readonly kind: 'tokens'
      readonly accessToken: string | null
      readonly refreshToken: string | null
      /** What the cookies of one session have in common, see {@link splitPairing}. */
      readonly pairingId: string
    }

/** A change to the browser's cookies. */
export interface CookieChanges {
  readonly set: readonly NamedValue[]
  readonly clear: readonly string[]
  readonly attributes: Readonly<CookieSerializeOptions>
}

/** Reads and writes the session cookies; plain values in and out. */
export interface CookieJar {
  readonly read: (header: string | undefined) => SessionCookies
  /** The first half of `read`: cuts our cookies out of the header, and looks at no other. */
  readonly cut: (header: string | undefined) => SealedCookies
  /** The second half: what is in them. */
  readonly open: (cookies: SealedCookies) => SessionCookies
  /**
   * Seals tokens, each with the session's pairing id: made at login, kept by refreshes.
   * Throws `SALLYPORT_AUTHENTICATION_COOKIE_TOO_LARGE`.
   */
  readonly seal: (tokens: SessionTokens, pairingId: string) => readonly NamedValue[]
  /** Sets what was sealed, and removes our other cookies that the request brought: chunks of a larger predecessor. */
  readonly replace: (sealed: readonly NamedValue[], header: string | undefined) => CookieChanges
  /** Removes every session cookie. */
  readonly clear: (header: string | undefined) => CookieChanges
}

/** Makes the jar of these options. */
export function createCookieJar(options: ReadSessionOptions): CookieJar {
  const sealer = createSealer(options.keys)
  const prefix = `${options.insecureLoopback ? '' : '__Host-'}${options.cookiePrefix}`
  const accessName = `${prefix}-access`
  const refreshName = `${prefix}-refresh`
  const names = new Set([...chunkNames(accessName), ...chunkNames(refreshName)])
  const base = { path: '/', httpOnly: true, secure: !options.insecureLoopback, sameSite: options.sameSite } as const
  const attributes = Object.freeze(
    options.cookieMaxAgeSeconds === undefined ? base : { ...base, maxAge: options.cookieMaxAgeSeconds }
  )

  const cut = cutSessionCookies(accessName, refreshName)

  function open(cookies: SealedCookies): SessionCookies {
    if (cookies.kind !== 'sealed') return cookies
    const access = unsealCookie(accessName, 'access', cookies.access)
    const refresh = unsealCookie(refreshName, 'refresh', cookies.refresh)
    if (access === undefined || refresh === undefined) return { kind: 'invalid' }
    if (access !== null && refresh !== null && access.pairingId !== refresh.pairingId) return { kind: 'mismatched' }
    const pairingId = access?.pairingId ?? refresh?.pairingId
    if (pairingId === undefined) return { kind: 'none' }
    return { kind: 'tokens', accessToken: access?.token ?? null, refreshToken: refresh?.token ?? null, pairingId }
  }

  function unsealCookie(name: string, purpose: string, sealed: string | null): PairedToken | null | undefined {
    if (sealed === null) return null
    const text = sealer.unseal(`${purpose}\0${name}`, sealed)
    return text === null ? undefined : splitPairing(text)
  }

  function seal({ accessToken, refreshToken }: SessionTokens, pairingId: string): readonly NamedValue[] {
    const access = splitCookie(accessName, sealer.seal(`access\0${accessName}`, pairingId + accessToken))
    if (refreshToken === null) return access
    return [...access, ...splitCookie(refreshName, sealer.seal(`refresh\0${refreshName}`, pairingId + refreshToken))]
  }

  function replace(sealed: readonly NamedValue[], header: string | undefined): CookieChanges {
    const written = new Set(sealed.map(({ name }) => name))
    return { set: sealed, clear: presented(header, names).filter(name => !written.has(name)), attributes }
  }

  const clear = (header: string | undefined): CookieChanges => ({
    set: [],
    clear: [...new Set([accessName, refreshName, ...presented(header, names)])],
    attributes: base
  })

  return { read: header => open(cut(header)), cut, open, seal, replace, clear }
}

function presented(header: string | undefined, names: ReadonlySet<string>): string[] {
  return [
    ...new Set(
      pairs(header)
        .map(({ name }) => name)
        .filter(name => names.has(name))
    )
  ]
}

function pairs(header: string | undefined): NamedValue[] {
  return (header ?? '').split(';').map(pair => {
    const equals = pair.indexOf('=')
    return equals === -1
      ? { name: '', value: '' }
      : { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim() }
  })
}
