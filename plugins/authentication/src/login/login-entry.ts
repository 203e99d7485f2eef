import type { FastifyRequest } from 'fastify'

/** Where people log in; the routes of a login say so when they are registered, the hooks of the app read it. */
export interface LoginEntry {
  /** `null`: this app has no page for that. */
  path: string | null
  /**
   * Where a browser ends its login at the issuer and comes back from; `null` when there is no such place or the issuer
   * cannot be asked.
   */
  leave: ((request: FastifyRequest, leaving: LeavingLogin) => Promise<string | null>) | null
}

/** A login that ends. */
export interface LeavingLogin {
  /** A path of this origin. */
  readonly returnTo: string | undefined
  /** Of the login, where it was kept. */
  readonly idToken: string | null
}

/** What a login at the issuer can be asked for by whoever sends a browser there. */
export interface LoginWish {
  /** Left out: where the login leads by default. */
  readonly returnTo?: string
  readonly maxAgeSeconds?: number | null | undefined
  readonly acrValues?: readonly string[] | undefined
  /** Languages, as tags separated by spaces. */
  readonly uiLocales?: string | null
  /** Asks the person again, whatever the issuer remembers of them. */
  readonly prompt?: 'login'
}

/** The address of a login with what it is asked for. */
export function loginAddress(
  path: string,
  { returnTo, maxAgeSeconds = null, acrValues = [], uiLocales = null, prompt }: LoginWish
): string {
  const query = new URLSearchParams({
    ...(returnTo === undefined ? {} : { returnTo }),
    ...(maxAgeSeconds === null ? {} : { max_age: String(maxAgeSeconds) }),
    ...(acrValues.length === 0 ? {} : { acr_values: acrValues.join(' ') }),
    ...(uiLocales === null ? {} : { ui_locales: uiLocales }),
    ...(prompt === undefined ? {} : { prompt })
  }).toString()
  return query === '' ? path : `${path}?${query}`
}
