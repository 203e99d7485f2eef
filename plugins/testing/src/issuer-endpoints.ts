import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientForm, IssuerAnswer, IssuerState } from './test-issuer.ts'
import { signToken } from './sign-token.ts'
import { STATUS_LIST_PATH } from './status-bits.ts'
import { answerTestGrant } from './test-grants.ts'

type Endpoint = (issuer: IssuerState) => IssuerAnswer
type FormEndpoint = (issuer: IssuerState, request: ClientForm) => IssuerAnswer

const LIST_SECONDS = 3600

const DOCUMENTS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/oauth-authorization-server': describeIssuer,
  '/.well-known/openid-configuration': describeIssuer,
  '/jwks': issuer => ({ status: 200, body: { keys: issuer.publishedKeys().map(({ jwk }) => jwk) } }),
  [STATUS_LIST_PATH]: ({ statusLists }) => ({ status: 200, body: { status_lists: [`${statusLists}1`] } }),
  [`${STATUS_LIST_PATH}1`]: statusList
}

const FORMS: Readonly<Record<string, FormEndpoint>> = {
  '/token': answerTestGrant,
  '/introspect': (issuer, { form }) => {
    const claims = issuer.activeClaims(form.get('token') ?? '')
    return { status: 200, body: claims === null ? { active: false } : { active: true, ...claims } }
  },
  '/revoke': (issuer, { form }) => {
    const token = form.get('token') ?? ''
    // An unknown token is no error: RFC 7009 §2.2.
    if (issuer.activeClaims(token) !== null) issuer.revoke(token)
    return { status: 200, body: '' }
  }
}

/** Answers one request of an issuer's; never rejects. */
export function answerIssuerRequest(issuer: IssuerState, request: IncomingMessage, response: ServerResponse): void {
  answerByPath(issuer, request).then(
    ({ status, type = 'application/json', body }) => {
      response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body))
    },
    (error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error('the request could not be read'))
    }
  )
}

async function answerByPath(issuer: IssuerState, request: IncomingMessage): Promise<IssuerAnswer> {
  const { pathname } = new URL(request.url ?? '/', issuer.issuer)
  issuer.requests.push(`${request.method ?? ''} ${pathname}`)
  if (issuer.trouble !== null) return { status: issuer.trouble, body: { error: 'temporarily_unavailable' } }
  const document = request.method === 'GET' ? DOCUMENTS[pathname] : undefined
  if (document !== undefined) return document(issuer)
  const endpoint = request.method === 'POST' ? FORMS[pathname] : undefined
  if (endpoint === undefined) return { status: 404, body: { error: 'not_found' } }
  const form = new URLSearchParams(await readRequestText(request))
  const clientId = checkClientSecret(issuer.settings.clients, request.headers.authorization, form)
  return clientId === null ? { status: 401, body: { error: 'invalid_client' } } : endpoint(issuer, { clientId, form })
}

async function readRequestText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += String(part)
  return text
}

/** `client_secret_basic` or `client_secret_post`. @see RFC 6749 §2.3.1 */
function checkClientSecret(
  clients: Readonly<Record<string, string>>,
  authorization: string | undefined,
  form: URLSearchParams
): string | null {
  const [, basic] = /^Basic (.+)$/i.exec(authorization ?? '') ?? []
  const [id, secret] =
    basic === undefined
      ? [form.get('client_id'), form.get('client_secret')]
      : Buffer.from(basic, 'base64').toString().split(':').map(formDecoded)
  if (typeof id !== 'string' || typeof secret !== 'string') return null
  return Object.hasOwn(clients, id) && clients[id] === secret ? id : null
}

/** The credentials are form-encoded before they are joined. */
const formDecoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

/** @see RFC 8414 §2 */
function describeIssuer(issuer: IssuerState): IssuerAnswer {
  const body = {
    issuer: issuer.issuer,
    jwks_uri: issuer.jwksUri,
    token_endpoint: issuer.tokenEndpoint,
    introspection_endpoint: issuer.introspectionEndpoint,
    revocation_endpoint: issuer.revocationEndpoint,
    status_list_aggregation_endpoint: issuer.statusLists,
    response_types_supported: [],
    grant_types_supported: [
      'password',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:token-exchange'
    ],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post']
  }
  return { status: 200, body }
}

/** @see draft-ietf-oauth-status-list §5.1 */
function statusList({ issuer, statusLists, settings, statusBits, signingKey }: IssuerState): IssuerAnswer {
  const nowSeconds = Math.floor(settings.clock() / 1000)
  const claims = {
    iss: issuer,
    sub: `${statusLists}1`,
    iat: nowSeconds,
    exp: nowSeconds + LIST_SECONDS,
    status_list: { bits: 1, lst: statusBits.packed() }
  }
  const body = signToken(signingKey(), claims, { typ: 'statuslist+jwt' })
  return { status: 200, type: 'application/statuslist+jwt', body }
}
