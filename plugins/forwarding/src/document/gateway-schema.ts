import Type, { type Static } from 'typebox'
import { SERVED_METHODS } from '../served-methods.ts'
import { composeMember, forwardMember } from './forward-schema.ts'
import { rateLimit } from './rate-limit-schema.ts'
import { isCorsOrigin, isFieldName, isFieldValue, isHost, isPath, isRoutePath, isScope } from './text-forms.ts'
import { closed, count, durationMs, fixedText, openText } from './schema-parts.ts'
import { answerTimeoutsMember as timeouts, upstreamMember } from './upstream-schema.ts'

const maxBodyBytes = count('The longest body of a request that is forwarded, in bytes.')
const fieldNameText = fixedText('the name of a header', isFieldName, 'A header, in any case.')
const fieldValueText = openText('a header value without control characters', isFieldValue, 'The value of the header.')
const fieldValues = (description: string) =>
  Type.Record(Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^`|~-]+$" }), fieldValueText, {
    description,
    additionalProperties: false,
    keyExpectation: 'the name of a header'
  })

const words = (expectation: string, description: string) =>
  Type.Array(fixedText(expectation, isScope, 'One of them.'), { minItems: 1, description })

const access = Type.Union(
  [
    Type.Enum(['public', 'authenticated']),
    closed(
      {
        scopes: Type.Optional(words('a scope', 'The token of the caller has every one of these scopes.')),
        roles: Type.Optional(words('a role', 'The caller has at least one of these roles.'))
      },
      'Scopes, roles, or both.'
    )
  ],
  {
    description:
      'Who may pass: everybody (`public`), every caller that is known (`authenticated`), or by scopes, roles.',
    expectation: 'public, authenticated, or an object with scopes, roles or both'
  }
)

const cors = closed(
  {
    origins: Type.Union(
      [
        Type.Literal('*'),
        Type.Array(openText('an origin such as https://shop.example', isCorsOrigin, 'Scheme, host and port.'), {
          minItems: 1
        })
      ],
      { description: 'Pages that may call: a list of origins, or `*`.', expectation: '* or a list of origins' }
    ),
    methods: Type.Optional(
      Type.Array(Type.Enum([...SERVED_METHODS]), { minItems: 1, description: 'Default: those of the route.' })
    ),
    requestHeaders: Type.Optional(Type.Array(fieldNameText, { description: 'Request headers that a page may send.' })),
    exposedHeaders: Type.Optional(Type.Array(fieldNameText, { description: 'Response headers that a page may read.' })),
    credentials: Type.Optional(
      Type.Boolean({ description: 'Whether browsers send cookies along; not with `origins: "*"`.' })
    ),
    maxAgeSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        description: 'How long a browser may keep the answer to a preflight.'
      })
    )
  },
  'Cross-origin calls; preflights are answered by the gateway.'
)

const webSocket = closed(
  {
    origins: Type.Optional(
      Type.Array(openText('an origin such as https://shop.example', isCorsOrigin, 'Scheme, host and port.'), {
        minItems: 1,
        description: "Origins whose pages may open one. Default: the gateway's own."
      })
    ),
    extensions: Type.Optional(
      Type.Boolean({ description: 'Whether client and service may agree on extensions, such as compression.' })
    ),
    maxOpen: Type.Optional(count('Open ones at a time, in each process; one more is 503. Default: 1000.')),
    maxOpenPerCaller: Type.Optional(
      count('Those of one caller, or of one source where nobody is known; one more is 429. Default: 20.')
    ),
    idleMs: Type.Optional(durationMs('How long nothing may come from either side. Default: 120000.')),
    totalMs: Type.Optional(durationMs('How long one may be open. Default: as long as the access of its caller.'))
  },
  'Requests may switch to a WebSocket (RFC 6455). Default: they are refused.'
)

const limitNames = (description: string) =>
  Type.Array(fixedText('the name of a limit', isScope, 'One of `rateLimits`.'), { description })

const route = closed(
  {
    name: Type.Optional(fixedText('a name', isScope, 'In metrics, logs and `explain`.')),
    path: fixedText(
      'a path such as /orders, /orders/:id or /orders/*',
      isRoutePath,
      '`/orders` is that path, `/orders/:id` has a parameter, `/orders/*` is everything below, and `/orders` itself.'
    ),
    hosts: Type.Optional(
      Type.Array(openText('a host, or host:port', isHost, 'As in `Host`.'), {
        minItems: 1,
        description: 'Default: all.'
      })
    ),
    methods: Type.Optional(
      Type.Array(Type.Enum([...SERVED_METHODS]), { minItems: 1, description: 'Default: all that the gateway serves.' })
    ),
    upstream: fixedText('the name of an upstream', isScope, 'One of `upstreams`.'),
    rewrite: Type.Optional(fixedText('a path', isPath, 'The path at the service; it replaces what stands before `*`.')),
    compose: Type.Optional(composeMember),
    forward: forwardMember,
    access,
    strategies: Type.Optional(
      Type.Array(fixedText('the name of a strategy', isScope, '`bearer`, `basic`, `session`, or one of your own.'), {
        minItems: 1,
        description: 'How a caller may prove who it is, tried in this order. Default: every way that the gateway has.'
      })
    ),
    stepUp: Type.Optional(
      closed(
        {
          maxAgeSeconds: Type.Optional(
            Type.Integer({ minimum: 0, description: 'The caller logged in no longer ago than this.' })
          ),
          acr: Type.Optional(
            words('an acr value', 'The caller logged in in one of these ways, as the issuer names them.')
          )
        },
        'How recently, or how well, callers have to have proven who they are (RFC 9470).'
      )
    ),
    requestHeaders: Type.Optional(
      closed(
        {
          pass: Type.Optional(
            Type.Array(fieldNameText, { description: 'Headers that pass beside the built-in ones.' })
          ),
          set: Type.Optional(fieldValues('Headers that the gateway sets.'))
        },
        'Headers on the way to the service.'
      )
    ),
    responseHeaders: Type.Optional(
      closed(
        {
          set: Type.Optional(fieldValues('Headers that the gateway sets.')),
          remove: Type.Optional(Type.Array(fieldNameText, { description: 'Headers that stay at the gateway.' }))
        },
        'Headers on the way back.'
      )
    ),
    cacheControl: Type.Optional(
      openText(
        'a header value',
        isFieldValue,
        '`Cache-Control` of answers. Default: what the service says, or `no-store`.'
      )
    ),
    contentSecurityPolicy: Type.Optional(
      openText('a header value', isFieldValue, '`Content-Security-Policy` of answers. Default: nothing is loaded.')
    ),
    maxBodyBytes: Type.Optional(maxBodyBytes),
    timeouts: Type.Optional(timeouts),
    stream: Type.Optional(
      Type.Boolean({ description: 'Answers go on while data arrives: only the pauses are limited.' })
    ),
    rateLimits: Type.Optional(limitNames('Limits of `rateLimits` that hold here. Default: those of `defaults`.')),
    cors: Type.Optional(cors),
    webSocket: Type.Optional(webSocket)
  },
  'Which requests go where, and who may send them.'
)

/** What a `gateway.yaml` may say. */
export const gatewaySchema = closed(
  {
    $schema: Type.Optional(Type.String({ description: 'Where an editor finds this schema, in a document of JSON.' })),
    defaults: Type.Optional(
      closed(
        {
          maxBodyBytes: Type.Optional(maxBodyBytes),
          timeouts: Type.Optional(timeouts),
          streamPauseMs: Type.Optional(durationMs('Between two parts of an answer of a route with `stream`.')),
          requestHeaders: Type.Optional(
            closed(
              { pass: Type.Optional(Type.Array(fieldNameText, { description: 'Headers that pass on every route.' })) },
              'Headers on the way to every service.'
            )
          ),
          rateLimits: Type.Optional(limitNames('Limits of every route that names none itself.'))
        },
        'For every route that says nothing else.'
      )
    ),
    upstreams: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }), upstreamMember, {
      description: 'Services, by name.',
      additionalProperties: false,
      keyExpectation: 'a name of letters, digits, dots and dashes'
    }),
    rateLimits: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }), rateLimit, {
        description: 'Limits of requests, by the name that answers show.',
        additionalProperties: false,
        keyExpectation: 'a name of letters, digits, dots and dashes'
      })
    ),
    shedding: Type.Optional(
      closed(
        {
          maxPending: Type.Optional(
            count('Requests under way at a time: writes take up to 70 % of them, reads up to 90 %, logins all.')
          ),
          maxEventLoopDelayMs: Type.Optional(
            durationMs('Above this mean delay of the event loop writes are shed, above 2 × reads, above 4 × logins.')
          )
        },
        'When the gateway answers 503 to what matters less, so that logins and reads are served.'
      )
    ),
    routes: Type.Array(route, { description: 'In any order: of two routes the more specific one is taken.' })
  },
  'The routes of a gateway.'
)

/** A document without mistakes, references replaced. */
export type GatewayDocument = Static<typeof gatewaySchema>
