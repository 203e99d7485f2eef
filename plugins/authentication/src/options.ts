import type { KeySource, StatusSource } from '@sallyport/security-context'
import type { Dispatcher } from 'undici'
import { basicOptionMistakes, resolveBasicOptions, type BasicOptions } from './basic/options.ts'
import { dpopOptionMistakes, type DpopOptions } from './dpop/options.ts'
import { resolveSessionOptions, sessionOptionMistakes, type SessionOptions } from './session/options.ts'
import { introspectorMistakes, type IntrospectorOptions } from './sources/introspector.ts'
import { sharedSecretMistakes, type SharedSecretOptions } from './tokens/shared-secret.ts'
import type { StatusListSourceOptions } from './sources/status-list-source.ts'
import type { Strategy } from './strategy.ts'
import { strangerLimitMistakes, type StrangerLimits } from './stranger-gate.ts'
import { verifierMistakes, type TokenVerifierOptions } from './tokens/verifier-options.ts'
import type { TokenVerifier } from './tokens/verify-token.ts'

/** How the caller of a request is found out. */
export interface AuthenticationOptions extends Partial<Omit<TokenVerifierOptions, 'keys' | 'status'>> {
  /** A verifier made elsewhere, instead of `issuer`, `audience` and keys. */
  readonly verifier?: TokenVerifier
  /** Where verification keys come from; whoever made it closes it. Exactly one of this and `jwksUri`. */
  readonly keys?: KeySource
  /** The issuer's JWKS; fetched, followed and closed by the plugin. */
  readonly jwksUri?: string
  /** Where revocation is looked up; whoever made it closes it. */
  readonly status?: StatusSource
  /** Status lists that the plugin follows and closes itself, with the keys of the issuer. */
  readonly statusLists?: Pick<
    StatusListSourceOptions,
    'allowedUris' | 'pollMs' | 'maxStalenessMs' | 'unusedAfterMs' | 'maxLists'
  >
  /** Carries the plugin's own connections to the issuer: trusted CAs, client certificate. */
  readonly dispatcher?: Dispatcher
  /** Accept `Authorization: Bearer`. Default true. */
  readonly bearer?: boolean
  /**
   * Accept tokens that are bound to a DPoP key, as `Authorization: DPoP` with a proof. Without it such a token is
   * refused.
   */
  readonly dpop?: DpopOptions
  /**
   * Accept tokens that are bound to a certificate, from a connection with that client certificate. Default false: such
   * a token is refused.
   */
  readonly certificateBound?: boolean
  /** Accept opaque bearer tokens, checked with the issuer. */
  readonly introspection?: IntrospectorOptions
  /** The shared-secret mode (HS256), instead of `issuer`, `audience` and keys. */
  readonly sharedSecret?: SharedSecretOptions
  /** Basic credentials, turned into tokens by a token client. */
  readonly basic?: BasicOptions
  /** Sealed session cookies. */
  readonly session?: SessionOptions
  /**
   * Bounds what callers with tokens that nobody here has seen may ask of the authorization server: introspections,
   * `POST /session/refresh` and `POST /logout` with a token in the body.
   */
  readonly strangers?: StrangerLimits
  /** The app's own strategies; asked after the plugin's. */
  readonly strategies?: readonly Strategy[]
}

/** Where the verifier comes from: exactly one of these, or none when introspection answers for all tokens. */
export type VerifierOrigin =
  | { readonly kind: 'given'; readonly verifier: TokenVerifier }
  | { readonly kind: 'shared-secret'; readonly options: SharedSecretOptions }
  | { readonly kind: 'issuer'; readonly issuer: string; readonly audience: string }
  | { readonly kind: 'none' }

/** The origin of the verifier, and every mistake in the options as one phrase each. */
export function resolveOptions(options: AuthenticationOptions): { origin: VerifierOrigin; mistakes: string[] } {
  const origin = originOf(options)
  const mistakes = [
    ...mixtures(options),
    ...(origin.kind === 'issuer' ? issuerMistakes(options, origin) : []),
    ...(options.sharedSecret === undefined ? [] : sharedSecretMistakes(options.sharedSecret)),
    ...(options.introspection === undefined ? [] : introspectorMistakes(options.introspection)),
    ...(options.dpop === undefined ? [] : dpopOptionMistakes(options.dpop)),
    ...strangerLimitMistakes(options.strangers ?? {}),
    ...(options.basic === undefined ? [] : basicOptionMistakes(resolveBasicOptions(options.basic))),
    ...(options.session === undefined ? [] : sessionOptionMistakes(resolveSessionOptions(options.session)))
  ]
  if (origin.kind === 'none' && options.introspection === undefined && (options.strategies ?? []).length === 0) {
    mistakes.push(
      'no way to authenticate: give issuer, audience and jwksUri (or keys), verifier, sharedSecret, introspection or strategies'
    )
  }
  if (
    origin.kind === 'none' &&
    options.introspection === undefined &&
    (options.basic ?? options.session) !== undefined
  ) {
    mistakes.push('basic and session need a way to verify the tokens they get')
  }
  return { origin, mistakes }
}

function originOf(options: AuthenticationOptions): VerifierOrigin {
  if (options.sharedSecret !== undefined) return { kind: 'shared-secret', options: options.sharedSecret }
  if (options.verifier !== undefined) return { kind: 'given', verifier: options.verifier }
  if (namesIssuer(options)) return { kind: 'issuer', issuer: options.issuer ?? '', audience: options.audience ?? '' }
  return { kind: 'none' }
}

const namesIssuer = ({ issuer, audience, keys, jwksUri }: AuthenticationOptions): boolean =>
  [issuer, audience, keys, jwksUri].some(option => option !== undefined)

function mixtures(options: AuthenticationOptions): string[] {
  const mistakes: string[] = []
  if (options.sharedSecret !== undefined && namesIssuer(options)) {
    mistakes.push('sharedSecret must not be mixed with issuer, audience, keys or jwksUri')
  }
  if (options.verifier !== undefined && (options.sharedSecret !== undefined || namesIssuer(options))) {
    mistakes.push('verifier must not be mixed with issuer, audience, keys, jwksUri or sharedSecret')
  }
  if (options.status !== undefined && options.statusLists !== undefined) {
    mistakes.push('status and statusLists must not both be given')
  }
  return mistakes
}

function issuerMistakes(
  options: AuthenticationOptions,
  { issuer, audience }: { issuer: string; audience: string }
): string[] {
  const mistakes = verifierMistakes({ ...options, issuer, audience })
  if ((options.keys === undefined) === (options.jwksUri === undefined)) {
    mistakes.push('exactly one of keys and jwksUri must be given')
  }
  return mistakes
}
