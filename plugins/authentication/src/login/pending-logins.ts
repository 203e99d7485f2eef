import type { CookieSerializeOptions } from '@fastify/cookie'
import { isJsonObject, isSameText, ownMember, parseJsonObject } from '@sallyport/security-context/mechanics'
import type { NamedValue } from '../session/cookie-chunks.ts'
import type { ReadSessionOptions } from '../session/options.ts'
import { createSealer } from '../session/seal.ts'
import { isReturnPath } from './return-path.ts'

/** A login that a browser has begun: what its end is held against. */
export interface PendingLogin {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly redirectUri: string
  /** A path of this origin. */
  readonly returnTo: string
  readonly startedAtMs: number
  /** Asked for: the authentication is no older than this, in seconds. */
  readonly maxAgeSeconds: number | null
  /** Asked for: one of these, in this order. */
  readonly acrValues: readonly string[]
  /** Opens the key that its tokens will be bound to; `null` for none. */
  readonly dpopSecret: string | null
  /** Languages that the pages of this login were asked for in; `null`: nobody did. */
  readonly uiLocales: string | null
}

/** What of a login its page of a failure needs: no secret of it. */
export type AttemptedLogin = Pick<PendingLogin, 'returnTo' | 'maxAgeSeconds' | 'acrValues' | 'uiLocales'>

/** What a browser's cookies say of the login with one state. */
export type FoundLogin =
  | { readonly kind: 'found'; readonly login: PendingLogin }
  /** Begun elsewhere, ended already, or more than one cookie says so. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired' }

/** Logins that one browser has begun, each in a sealed cookie of its own: tabs do not disturb each other. */
export interface PendingLogins {
  readonly attributes: Readonly<CookieSerializeOptions>
  /** The cookie of a new login, and those that go because there are too many. */
  readonly add: (
    login: PendingLogin,
    header: string | undefined
  ) => { readonly set: NamedValue; readonly clear: readonly string[] }
  readonly find: (state: string, header: string | undefined) => FoundLogin
  /** The name of the cookie of this state. */
  readonly nameFor: (state: string) => string
}

const MOST_PENDING = 5
/** With the session beside them they have to fit into a header of 8 KiB, the limit of common proxies. */
const MOST_BYTES = 4096
/** 256 random bits, base64url. */
const STATE_FORM = /^[\w-]{43}$/
const NAME_CHARACTERS = 12

/** @param lifetimeSeconds how long a person may take at the issuer */
export function createPendingLogins(
  { keys, cookiePrefix, insecureLoopback, clock }: ReadSessionOptions,
  lifetimeSeconds: number
): PendingLogins {
  const sealer = createSealer(keys)
  const prefix = `${insecureLoopback ? '' : '__Host-'}${cookiePrefix}-login-`
  // Lax whatever the session cookies are: the browser comes back from the issuer's site.
  const attributes = Object.freeze({
    path: '/',
    httpOnly: true,
    secure: !insecureLoopback,
    sameSite: 'lax',
    maxAge: lifetimeSeconds
  } as const)
  const nameFor = (state: string): string => prefix + state.slice(0, NAME_CHARACTERS)

  function open({ name, value }: NamedValue): PendingLogin | null {
    const text = sealer.unseal(`login\0${name}`, value)
    return text === null ? null : parsePending(text)
  }

  function isOver({ startedAtMs }: PendingLogin): boolean {
    return clock() >= startedAtMs + lifetimeSeconds * 1000
  }

  return {
    attributes,
    nameFor,
    add(login, header) {
      const name = nameFor(login.state)
      const set = { name, value: sealer.seal(`login\0${name}`, JSON.stringify(login)) }
      const sent = pendingCookies(header, prefix)
      const kept = sent
        .map(cookie => ({ cookie, login: open(cookie) }))
        .filter(({ login }) => login !== null && !isOver(login))
        .sort((one, other) => (other.login?.startedAtMs ?? 0) - (one.login?.startedAtMs ?? 0))
        .slice(0, MOST_PENDING - 1)
      let bytes = sizeOf(set)
      const keep = new Set(
        kept.filter(({ cookie }) => (bytes += sizeOf(cookie)) <= MOST_BYTES).map(({ cookie }) => cookie.name)
      )
      return { set, clear: [...new Set(sent.map(({ name }) => name))].filter(name => !keep.has(name)) }
    },
    find(state, header) {
      if (!STATE_FORM.test(state)) return { kind: 'unknown' }
      const [cookie, another] = pendingCookies(header, prefix).filter(({ name }) => name === nameFor(state))
      const login = cookie === undefined || another !== undefined ? null : open(cookie)
      if (login === null || !isSameText(login.state, state)) return { kind: 'unknown' }
      return isOver(login) ? { kind: 'expired' } : { kind: 'found', login }
    }
  }
}

function pendingCookies(header: string | undefined, prefix: string): NamedValue[] {
  return (header ?? '').split(';').flatMap(pair => {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(equals, 0)).trim()
    return name.startsWith(prefix) ? [{ name, value: pair.slice(equals + 1).trim() }] : []
  })
}

const sizeOf = ({ name, value }: NamedValue): number => name.length + value.length + 3

/** What we sealed is still read like anything from outside: another version may have sealed it. */
function parsePending(text: string): PendingLogin | null {
  const value = parseJsonObject(text)
  if (!isJsonObject(value)) return null
  const [state, nonce, codeVerifier, redirectUri, returnTo] = [
    'state',
    'nonce',
    'codeVerifier',
    'redirectUri',
    'returnTo'
  ].map(name => ownMember(value, name))
  const { startedAtMs, maxAgeSeconds, acrValues, dpopSecret = null, uiLocales = null } = value
  if (
    typeof state !== 'string' ||
    typeof nonce !== 'string' ||
    typeof codeVerifier !== 'string' ||
    typeof redirectUri !== 'string' ||
    typeof returnTo !== 'string' ||
    !isReturnPath(returnTo) ||
    typeof startedAtMs !== 'number' ||
    (typeof maxAgeSeconds !== 'number' && maxAgeSeconds !== null) ||
    !Array.isArray(acrValues) ||
    !acrValues.every(each => typeof each === 'string') ||
    (typeof dpopSecret !== 'string' && dpopSecret !== null) ||
    (typeof uiLocales !== 'string' && uiLocales !== null)
  ) {
    return null
  }
  const asked = { maxAgeSeconds, acrValues, uiLocales }
  return { state, nonce, codeVerifier, redirectUri, returnTo, startedAtMs, dpopSecret, ...asked }
}
