import Type, { type Static } from 'typebox'
import { gatewaySchema } from '../gateway-schema.ts'
import { closed, fixedText } from '../schema-parts.ts'
import { isFieldValue, isHost, isScope } from '../text-forms.ts'
import { upstreamMember } from '../upstream-schema.ts'

const { defaults } = gatewaySchema.properties
const ofDefaults = defaults.properties
const ofUpstream = upstreamMember.properties
const ofRoute = gatewaySchema.properties.routes.items.properties

// Texts here take no references: they come from elsewhere, and must not read what this process can.
const overlayHosts = Type.Array(fixedText('a host, or host:port', isHost, 'As in `Host`.'), { minItems: 1 })
const overlayForward = Type.Union(
  [
    Type.Enum(['token', 'none']),
    closed(
      {
        audience: fixedText('an audience', isScope, 'One that a pushed route to the upstream has.'),
        scope: Type.Optional(fixedText('scopes, separated by spaces', isFieldValue, 'Of those of that route.'))
      },
      'A token of its own for the service.'
    )
  ],
  { expectation: 'token, none, or an object with audience' }
)

const overlayRoute = closed(
  {
    name: ofRoute.name,
    path: ofRoute.path,
    hosts: Type.Optional(overlayHosts),
    methods: ofRoute.methods,
    upstream: Type.Optional(ofRoute.upstream),
    rewrite: ofRoute.rewrite,
    forward: Type.Optional(overlayForward),
    access: Type.Optional(ofRoute.access),
    strategies: ofRoute.strategies,
    stepUp: ofRoute.stepUp,
    maxBodyBytes: ofRoute.maxBodyBytes,
    timeouts: ofRoute.timeouts,
    stream: ofRoute.stream
  },
  'Changes the pushed route for the same requests, or is another one.',
  {
    pushedOnly: [
      ...['compose', 'requestHeaders', 'responseHeaders', 'cacheControl', 'contentSecurityPolicy', 'rateLimits', 'cors']
    ]
  }
)

/** What may be said over a file of routes: limits, and routes to the upstreams that it has. */
export const overlaySchema = closed(
  {
    defaults: Type.Optional(
      closed(
        {
          maxBodyBytes: ofDefaults.maxBodyBytes,
          timeouts: ofDefaults.timeouts,
          streamPauseMs: ofDefaults.streamPauseMs
        },
        'For every route that says nothing else.',
        {
          pushedOnly: ['requestHeaders', 'rateLimits']
        }
      )
    ),
    upstreams: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
        closed(
          {
            maxConnections: ofUpstream.maxConnections,
            maxQueued: ofUpstream.maxQueued,
            connectTimeoutMs: ofUpstream.connectTimeoutMs,
            timeouts: ofUpstream.timeouts
          },
          'Limits of a service.',
          {
            pushedOnly: ['origin', 'targets', 'ejection', 'healthCheck', 'retries', 'breaker', 'bulkhead', 'tls']
          }
        ),
        {
          description: 'Services that were pushed, by name.',
          additionalProperties: false,
          keyExpectation: 'the name of an upstream'
        }
      )
    ),
    routes: Type.Optional(Type.Array(overlayRoute))
  },
  'An overlay over a file of routes.',
  { pushedOnly: ['rateLimits'] }
)

/** An overlay without mistakes of its own. */
export type OverlayDocument = Static<typeof overlaySchema>

/** A route of an overlay. */
export type OverlayRoute = Static<typeof overlayRoute>
