import { importKeys } from '@sallyport/authentication'
import { isRedirectUri } from '../protocol/authorize/redirect-uris.ts'
import {
  isAuthenticationMethod,
  METHOD_NAMES,
  METHODS,
  methodsWith
} from '../protocol/client-authentication/methods.ts'
import { isBackchannelLogoutUri, isPostLogoutRedirectUri } from '../protocol/logout/logout-uris.ts'
import { GRANTS } from '../protocol/token-endpoint/grants/index.ts'
import type { ClientFieldName, ClientRegistration } from '../store/client-fields.ts'
import { GRANT_TYPES, isGrantType } from '../store/grant-types.ts'
import { isUuid } from '../uuid.ts'

/** A client's id may hold nothing that needs encoding anywhere. */
const CLIENT_ID = /^[A-Za-z0-9][\w.-]{0,63}$/
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/
const PUBLIC_METHODS = methodsWith(({ needs }) => needs === null)
const SIGNING_ALGORITHMS = new Set(METHOD_NAMES.flatMap(name => METHODS[name].signingAlgorithms))

/** What a registration has to be beyond the bounds of each field. */
interface ClientRule {
  /** The fields that it looks at: it runs when one of them is new. */
  readonly about: readonly ClientFieldName[]
  /** What is wrong, as one phrase each. */
  readonly mistakes: (client: ClientRegistration) => readonly string[]
}

const RULES: readonly ClientRule[] = [
  {
    about: ['id'],
    mistakes: ({ id }) =>
      CLIENT_ID.test(id) && !isUuid(id)
        ? []
        : ['a client id is up to 64 letters, digits, `.`, `_` or `-`, and no UUID, which are user ids']
  },
  {
    about: ['redirectUris'],
    mistakes: ({ redirectUris }) =>
      redirectUris
        .filter(uri => !isRedirectUri(uri))
        .map(
          uri =>
            `${uri} is no redirect URI: https, http on a loopback address, or a scheme with a dot, without a fragment`
        )
  },
  {
    about: ['grantTypes'],
    mistakes: ({ grantTypes }) =>
      grantTypes
        .filter(grant => !isGrantType(grant))
        .map(grant => `${JSON.stringify(grant)} is no grant: ${GRANT_TYPES.join(', ')}`)
  },
  {
    about: ['backchannelLogoutUri'],
    mistakes: ({ backchannelLogoutUri: uri }) =>
      uri === null || isBackchannelLogoutUri(uri)
        ? []
        : [`${uri} is no back-channel logout URI: https, or http on a loopback address, without a fragment`]
  },
  {
    about: ['postLogoutRedirectUris'],
    mistakes: ({ postLogoutRedirectUris }) =>
      postLogoutRedirectUris
        .filter(uri => !isPostLogoutRedirectUri(uri))
        .map(
          uri =>
            `${uri} is no post-logout redirect URI: https, http on a loopback address, or a scheme with a dot, without a fragment`
        )
  },
  { about: ['jwks'], mistakes: ({ jwks }) => jwksMistakes(jwks) },
  {
    about: ['certificateThumbprints'],
    mistakes: ({ certificateThumbprints }) =>
      certificateThumbprints.every(thumbprint => THUMBPRINT.test(thumbprint))
        ? []
        : ['a certificate thumbprint is the base64url of a SHA-256']
  },
  {
    about: ['authenticationMethods', ...METHOD_NAMES.flatMap(name => neededField(METHODS[name].needs))],
    mistakes: client => client.authenticationMethods.flatMap(method => methodMistakes(client, method))
  },
  { about: ['confidential', 'authenticationMethods', 'grantTypes'], mistakes: publicMistakes }
]

/**
 * Why a registration cannot be stored, as one phrase each.
 * @param changed the fields that are new; all of them by default
 */
export function clientMistakes(client: ClientRegistration, changed?: readonly string[]): string[] {
  const isNew = (name: string): boolean => changed === undefined || changed.includes(name)
  const broken = RULES.filter(({ about }) => about.some(isNew)).flatMap(({ mistakes }) => mistakes(client))
  return JSON.stringify(client).includes('\\u0000') ? [...broken, 'a NUL cannot be stored'] : broken
}

function jwksMistakes(jwks: ClientRegistration['jwks']): readonly string[] {
  const imported = importKeys({ keys: jwks })
  if (imported === null) return ['jwks has too many keys']
  return [
    ...imported.ignored.map(({ keyId, reason }) => `jwks: key ${keyId ?? 'without id'}: ${reason}`),
    ...[...imported.keys.values()]
      .filter(({ algorithm }) => !SIGNING_ALGORITHMS.has(algorithm))
      .map(({ keyId, algorithm }) => `jwks: key ${keyId}: ${algorithm} is not for assertions`)
  ]
}

/** A method without what it checks would never work. */
function methodMistakes(client: ClientRegistration, method: string): readonly string[] {
  if (!isAuthenticationMethod(method)) {
    return [`${JSON.stringify(method)} is no authentication method: ${METHOD_NAMES.join(', ')}`]
  }
  return neededField(METHODS[method].needs)
    .filter(name => isNothing(client[name]))
    .map(name => `${method} needs ${name}`)
}

/** The field that holds what a method needs; a secret is in none. */
function neededField(needs: (typeof METHODS)[keyof typeof METHODS]['needs']): readonly ClientFieldName[] {
  return needs === null || needs === 'secret' ? [] : [needs]
}

const isNothing = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0)

function publicMistakes({ confidential, authenticationMethods, grantTypes }: ClientRegistration): readonly string[] {
  const isPublic = PUBLIC_METHODS.some(method => authenticationMethods.includes(method))
  const method =
    isPublic === confidential
      ? [`the method ${PUBLIC_METHODS.join(', ')} is for public clients, and for them only`]
      : []
  const grants = confidential ? [] : grantTypes.filter(isGrantType).filter(grant => GRANTS[grant].confidentialOnly)
  return [...method, ...grants.map(grant => `a public client cannot use ${grant}`)]
}
