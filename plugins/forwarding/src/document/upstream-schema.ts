import Type from 'typebox'
import { closed, count, durationMs, fixedText, openText } from './schema-parts.ts'
import { isHost, isOrigin, isPath, isScope } from './text-forms.ts'

/** Limits for answers, of an upstream, a route, or all. */
export const answerTimeoutsMember = closed(
  {
    headMs: Type.Optional(
      durationMs('From the arrival of a request to the head of its answer, without the time its body takes to arrive.')
    ),
    pauseMs: Type.Optional(durationMs('Between two parts of the body of an answer.')),
    totalMs: Type.Optional(durationMs('From the arrival of a request to the end of its answer; not for streams.'))
  },
  'How long an answer may take.'
)

const targetOriginText = openText(
  'scheme, host and port, such as https://orders.internal:8443',
  isOrigin,
  'Scheme, host and port of the service; `https:`, or `http:` on loopback.'
)
const percent = (description: string) => Type.Integer({ minimum: 1, maximum: 100, description })

const target = closed(
  {
    origin: targetOriginText,
    weight: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description: 'Its share of the requests beside the weights of the others; 0 for none. Default: 1.'
      })
    ),
    name: Type.Optional(fixedText('a name', isScope, 'In metrics and logs. Default: its place, from 1.'))
  },
  'One of several places where a service runs.'
)

const ejection = closed(
  {
    connectFailures: Type.Optional(
      count('Failures in a row to connect, or to get an answer over a connection. Default: 3.')
    ),
    serverErrors: Type.Optional(count('Answers of 5xx in a row. Default: they do not count.')),
    durationMs: Type.Optional(durationMs('For how long; longer each time in a row, up to ten times. Default: 10000.'))
  },
  'When a target that fails is left out for a while; never the last one.'
)

const healthCheck = closed(
  {
    path: fixedText('a path', isPath, 'Asked with GET; 2xx is a good answer.'),
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65_535, description: 'Where it is not that of the target.' })
    ),
    intervalMs: Type.Optional(durationMs('Between two questions. Default: 5000.')),
    timeoutMs: Type.Optional(durationMs('Until the answer. Default: 1000.')),
    healthyAfter: Type.Optional(count('Good answers in a row until a target is taken in again. Default: 2.')),
    unhealthyAfter: Type.Optional(count('Bad ones in a row until it is left out. Default: 2.'))
  },
  'A question that each target is asked again and again, without a credential.'
)

const retries = closed(
  {
    attempts: Type.Optional(
      Type.Integer({ minimum: 2, maximum: 5, description: 'How often a request is sent at most. Default: 2.' })
    ),
    budgetPercent: Type.Optional(percent('Repetitions in percent of the requests. Default: 20.')),
    burst: Type.Optional(count('How many of them may be saved up. Default: 10.')),
    backoffMs: Type.Optional(durationMs('The longest wait before the second sending; it is random. Default: 25.')),
    attemptTimeoutMs: Type.Optional(
      durationMs('How long a sending may wait for its answer to begin while another one may follow it.')
    ),
    statuses: Type.Optional(
      Type.Array(Type.Integer({ minimum: 500, maximum: 599 }), {
        description: 'Answers after which a request is sent again. Default: 502, 503, 504.'
      })
    ),
    replayBodyBytes: Type.Optional(
      Type.Integer({ minimum: 0, description: 'The longest body that is kept to be sent again. Default: 16384.' })
    )
  },
  'Sends idempotent requests again, and those with an `Idempotency-Key`.'
)

const breaker = closed(
  {
    window: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'How many of the last calls are looked at. Default: 20.' })
    ),
    minimumCalls: Type.Optional(count('With fewer calls nothing happens. Default: 10.')),
    failurePercent: Type.Optional(percent('The share of failures from which on nothing is sent. Default: 50.')),
    openMs: Type.Optional(durationMs('For how long; then probes are sent. Default: 5000.')),
    probes: Type.Optional(count('Calls that have to succeed before all are sent again. Default: 1.'))
  },
  'When nothing is sent to a target for a while: no answer in time, 502, 503 and 504 are failures.'
)

const bulkhead = closed(
  {
    maxPending: count('Requests under way at a time.'),
    maxQueued: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Requests that wait; one more is 503. Default: 0.' })
    ),
    queueTimeoutMs: Type.Optional(durationMs('How long a request waits before it is 503. Default: 1000.'))
  },
  'How many requests the upstream may hold up, over all targets.'
)

const tls = closed(
  {
    ca: Type.Optional(
      openText('PEM', isPem, 'Authorities that vouch for the service (PEM), such as `file:tls/ca.pem`.')
    ),
    serverName: Type.Optional(openText('a host name', isHost, 'The name that its certificate must prove.')),
    certificate: Type.Optional(openText('PEM', isPem, 'Own certificate chain (PEM), with `key`.')),
    key: Type.Optional(openText('PEM', isPem, 'Private key of that certificate (PEM), by reference.'))
  },
  'TLS to the service. Default: what the process uses for its peers.'
)

/** A member of `upstreams`. */
export const upstreamMember = closed(
  {
    origin: Type.Optional(targetOriginText),
    targets: Type.Optional(
      Type.Array(target, {
        minItems: 1,
        description: 'Where the service runs, in place of `origin`: a request goes where the fewest are under way.'
      })
    ),
    ejection: Type.Optional(ejection),
    healthCheck: Type.Optional(healthCheck),
    retries: Type.Optional(retries),
    breaker: Type.Optional(breaker),
    bulkhead: Type.Optional(bulkhead),
    tls: Type.Optional(tls),
    maxConnections: Type.Optional(count('Requests under way at a time.')),
    maxQueued: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Requests that wait for a connection; the next one gets 503.' })
    ),
    connectTimeoutMs: Type.Optional(durationMs('How long connecting may take.')),
    timeouts: Type.Optional(answerTimeoutsMember)
  },
  'A service behind the gateway.'
)

function isPem(text: string): boolean {
  return /^-----BEGIN [A-Z ]+-----\n/m.test(text)
}
