import type { ClientForm, IssuerAnswer, IssuerState } from './test-issuer.ts'
import type { TokenClaims } from './sign-token.ts'

const EXCHANGED_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

type TestGrant = (issuer: IssuerState, request: ClientForm) => IssuerAnswer

const TEST_GRANTS: Readonly<Record<string, TestGrant>> = {
  password: grantByPassword,
  refresh_token: grantByRefreshToken,
  client_credentials: (issuer, { clientId, form }) =>
    tokenAnswer(issuer, {
      sub: clientId,
      client_id: clientId,
      ...asked(form, 'audience', 'aud'),
      ...asked(form, 'scope')
    }),
  'urn:ietf:params:oauth:grant-type:token-exchange': exchangeToken
}

/** Answers a token request of a client that has authenticated. @see RFC 6749 §5 */
export function answerTestGrant(issuer: IssuerState, request: ClientForm): IssuerAnswer {
  const grant = TEST_GRANTS[request.form.get('grant_type') ?? '']
  return grant === undefined ? tokenError('unsupported_grant_type') : grant(issuer, request)
}

function grantByPassword(issuer: IssuerState, { clientId, form }: ClientForm): IssuerAnswer {
  const { users } = issuer.settings
  const name = form.get('username') ?? ''
  const user = Object.hasOwn(users, name) ? users[name] : undefined
  if (user === undefined || user.password !== form.get('password')) return tokenError('invalid_grant')
  const { subject = name, roles = [], scope = '' } = user
  return withRefreshToken(issuer, { sub: subject, client_id: clientId, roles, scope, sid: `session-of-${subject}` })
}

/** A refresh token is used once. @see RFC 9700 §4.14.2 */
function grantByRefreshToken(issuer: IssuerState, { clientId, form }: ClientForm): IssuerAnswer {
  const token = form.get('refresh_token') ?? ''
  const claims = issuer.activeClaims(token)
  if (claims === null || claims.typ !== 'refresh' || claims.client_id !== clientId) return tokenError('invalid_grant')
  issuer.revoke(token)
  const { sub, roles, scope, sid } = claims
  return withRefreshToken(issuer, { sub, client_id: clientId, roles, scope, sid })
}

/** The same subject, roles and session for another audience; whoever asks is the actor. @see RFC 8693 §2 */
function exchangeToken(issuer: IssuerState, { clientId, form }: ClientForm): IssuerAnswer {
  const subject = issuer.activeClaims(form.get('subject_token') ?? '')
  if (subject === null) return tokenError('invalid_grant')
  const { sub, roles, sid, scope, act } = subject
  const claims = {
    sub,
    roles,
    sid,
    scope: form.get('scope') ?? scope,
    client_id: clientId,
    act: { sub: clientId, ...(act !== undefined && { act }) },
    ...asked(form, 'audience', 'aud')
  }
  return tokenAnswer(issuer, claims, { issued_token_type: EXCHANGED_TOKEN_TYPE })
}

/** A parameter of the form as a claim, where it was sent. */
function asked(form: URLSearchParams, name: string, claim: string = name): TokenClaims {
  const value = form.get(name)
  return value === null ? {} : { [claim]: value }
}

function withRefreshToken(issuer: IssuerState, claims: TokenClaims): IssuerAnswer {
  const exp = Math.floor(issuer.settings.clock() / 1000) + 86_400
  return tokenAnswer(issuer, claims, { refresh_token: issuer.opaqueToken({ ...claims, typ: 'refresh', exp }) })
}

function tokenAnswer(issuer: IssuerState, claims: TokenClaims, more: TokenClaims = {}): IssuerAnswer {
  const { scope } = claims
  const body = {
    access_token: issuer.token(claims),
    token_type: 'Bearer',
    expires_in: issuer.settings.accessSeconds,
    ...(typeof scope === 'string' && { scope }),
    ...more
  }
  return { status: 200, body }
}

const tokenError = (error: string): IssuerAnswer => ({ status: 400, body: { error } })
