import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { choice, field, names, nullable, textField, yesNo, type DescribedField } from './field-kinds.ts'

/** Public keys as JWKs. */
export type PublicJwks = ReadonlyArray<Readonly<Record<string, unknown>>>

const LONGEST_CLIENT_ID = 64
const LONGEST_CLIENT_NAME = 200
const LONGEST_URI = 2000
const MOST_KEYS = 10
const AudienceName = Type.String({ maxLength: LONGEST_CLIENT_NAME })
const CertificateName = Type.Object(
  {
    /** `dn`: the whole subject, most specific part first, as in RFC 4514; `dns` and `uri`: an alternative name. */
    kind: Type.Enum(['dn', 'dns', 'uri']),
    value: Type.String({ minLength: 1, maxLength: 500 })
  },
  { additionalProperties: false }
)

/** The one name by which a client's certificate is known, when an authority vouches for it. @see RFC 8705 §2.1.2 */
export type CertificateSubject = Readonly<Static<typeof CertificateName>>

/**
 * Everything that is registered of a client, a line each: type, bounds, value when nothing is said, column and option
 * of the command line. The `Client` of the code, its rows, the admin API and the commands follow from it. A further
 * line needs a migration that adds its column, and code that uses it.
 */
export const CLIENT_FIELDS = {
  id: textField({ longest: LONGEST_CLIENT_ID }),
  /** What users read at the consent page. */
  name: textField({
    longest: LONGEST_CLIENT_NAME,
    initial: '',
    option: ['name', 'the name that users read; the id by default']
  }),
  confidential: yesNo(true, ['public', 'it has no secret and cannot prove who it is']),
  /** How it proves who it is: any of these. @see CLIENT_METHODS */
  authenticationMethods: names({ initial: [], option: ['methods', 'how it may prove who it is'] }),
  grantTypes: names({ option: ['grants', 'the grants that it may use'] }),
  /** Scopes it may ever be granted. */
  scopes: names({ initial: [], option: ['scopes', 'the scopes that it may be granted'] }),
  /** The audience that it is, as a resource server: what it may introspect and exchange. */
  ownAudience: nullable(AudienceName, {
    sample: 'sample',
    option: ['own-audience', 'the audience that it is, as a resource server']
  }),
  /** The audience of its tokens when it names none. */
  defaultAudience: nullable(AudienceName, {
    sample: 'sample',
    option: ['default-audience', 'the audience of its tokens when it names none']
  }),
  /** Audiences it may ask for with token exchange and client credentials. */
  audiences: names({ initial: [], option: ['audiences', 'the audiences that it may ask for'] }),
  accessTokenFormat: choice(['jwt', 'opaque'], ['opaque', 'its access tokens are opaque']),
  /** Where authorization responses may go, exactly. @see RFC 9700 §2.1 */
  redirectUris: names({ initial: [], option: ['redirect-uris', 'where authorization responses may go, exactly'] }),
  /** The deployment's own application: nobody is asked whether it may act for them. */
  firstParty: yesNo(false, ['first-party', "it is the deployment's own: users are not asked"]),
  /** Its authorization requests have to be pushed. @see RFC 9126 §6 */
  pushedRequestsRequired: yesNo(false, ['require-par', 'its authorization requests have to be pushed']),
  /** Where it hears of its sessions that ended; `null`: nowhere. @see OpenID Connect Back-Channel Logout 1.0 §2.2 */
  backchannelLogoutUri: nullable(Type.String({ maxLength: LONGEST_URI }), {
    sample: 'https://sample.example/logout',
    option: ['backchannel-logout-uri', 'where it hears of ended sessions; `none` for nowhere']
  }),
  /** Where a browser may be sent after logout. @see OpenID Connect RP-Initiated Logout 1.0 §3.1 */
  postLogoutRedirectUris: names({
    initial: [],
    option: ['post-logout-redirect-uris', 'where browsers may go after logout']
  }),
  /** Public keys that sign its assertions, as JWKs with `kid`. @see RFC 7523 §3 */
  jwks: field<PublicJwks>({
    schema: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: MOST_KEYS }),
    initial: [],
    sample: [{ kid: 'sample', kty: 'EC' }],
    json: true,
    option: { flag: 'jwks-file', takes: 'jwks-file', help: 'a file with its public keys, as JWK Set' }
  }),
  /** For `tls_client_auth`; `null`: no name. */
  certificateSubject: nullable(CertificateName, {
    sample: { kind: 'dns', value: 'sample.example' },
    json: true,
    takes: 'certificate-subject',
    option: ['certificate-subject', 'the name in its certificate: dn:…, dns:… or uri:…']
  }),
  /**
   * `x5t#S256` of its own certificates, for `self_signed_tls_client_auth`: two while one is being replaced. @see RFC
   * 8705 §2.2
   */
  certificateThumbprints: names({
    initial: [],
    option: ['certificate-thumbprints', 'SHA-256 of its own certificates, base64url']
  }),
  /** Its tokens are always bound to a certificate. @see RFC 8705 §3.4 */
  certificateBoundTokens: yesNo(false, ['certificate-bound-tokens', 'its tokens are always bound to its certificate']),
  /** Its tokens are always bound to a DPoP key. @see RFC 9449 §5.2 */
  dpopBoundTokens: yesNo(false, ['dpop-bound-tokens', 'its tokens are always bound to a DPoP key'])
} as const

/** What is registered of a client. */
export type ClientRegistration = {
  readonly [Name in keyof typeof CLIENT_FIELDS]: (typeof CLIENT_FIELDS)[Name] extends DescribedField<infer Value>
    ? Value
    : never
}

/** The name of a field. */
export type ClientFieldName = keyof ClientRegistration

/** A field with its name and the column that holds it: the same name in the spelling of SQL. */
export interface ClientField extends DescribedField<unknown> {
  readonly name: string
  readonly column: string
}

/** The fields as a list. */
export const CLIENT_FIELD_LIST: readonly ClientField[] = Object.entries<DescribedField<unknown>>(CLIENT_FIELDS).map(
  ([name, kind]) => ({ ...kind, name, column: name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`) })
)

const WholeRegistration = Type.Object(Object.fromEntries(CLIENT_FIELD_LIST.map(({ name, schema }) => [name, schema])), {
  additionalProperties: false
})
const SomeFields = Type.Partial(WholeRegistration)

/** Whether a value has every field, each within its bounds. */
export const isClientRegistration = (value: unknown): value is ClientRegistration =>
  Value.Check(WholeRegistration, value)

/** Whether a value has some of the fields and nothing else, each within its bounds. */
export const isClientChange = (value: unknown): value is Partial<ClientRegistration> => Value.Check(SomeFields, value)

/** Why a value is no registration, as one phrase each. */
export const registrationMistakes = (value: unknown): string[] =>
  Value.Errors(WholeRegistration, value).map(fieldMistake)

/** Why a value is no change of one, as one phrase each. */
export const changeMistakes = (value: unknown): string[] => Value.Errors(SomeFields, value).map(fieldMistake)

function fieldMistake({ instancePath, message }: { readonly instancePath: string; readonly message: string }): string {
  return `${instancePath.slice(1).replaceAll('/', '.') || 'the client'} ${message}`
}

/** Every field as it is when nothing is said of it. */
export const initialFields = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(CLIENT_FIELD_LIST.map(({ name, initial }) => [name, initial]))
