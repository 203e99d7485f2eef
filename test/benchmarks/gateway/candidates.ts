/** Who sends the requests: see `writeCallers`; `sessions` are those of the candidate itself. */
export type CallerKind = 'known' | 'strangers' | 'rs256' | 'sessions'

/** One thing to measure. */
export interface GatewayCandidate {
  readonly name: string
  /** A module of `servers/`, or a program of the system. */
  readonly server: 'bare-http-proxy' | 'node-dispatch' | 'express' | 'sallyport' | 'service' | 'nginx' | 'haproxy'
  readonly options?: Readonly<Record<string, unknown>>
  readonly callers: CallerKind
  /** Whether the service behind it is reached over TLS. */
  readonly tls?: boolean
  /** Whether it lets anybody pass; every other one has to refuse a request without a credential. */
  readonly open?: boolean
}

const BARE = '@fastify/http-proxy'
const BARE_TLS = '@fastify/http-proxy, TLS to the service'
const UNCACHED = '@fastify/http-proxy + @fastify/jwt ES256, uncached'
const HAPROXY = 'HAProxy jwt_verify RS256'
const KNOWN = 'sallyport'
const LOGGED = 'sallyport, access log and trace'
const TRACED = 'sallyport, access log, every trace exported'
const TRACED_TENTH = 'sallyport, access log, a tenth of the traces exported'
const SESSION = 'sallyport, session cookie'
const FIRST_SEEN = 'sallyport, tokens seen for the first time'
const KNOWN_TLS = 'sallyport, TLS to the service'
const LOGGED_TLS = 'sallyport, access log and trace, TLS to the service'
const SESSION_TLS = 'sallyport, session cookie, TLS to the service'

/** The candidates; the order turns from round to round. */
export const GATEWAY_CANDIDATES: readonly GatewayCandidate[] = [
  { name: BARE, server: 'bare-http-proxy', callers: 'known', open: true },
  { name: KNOWN, server: 'sallyport', callers: 'known' },
  { name: LOGGED, server: 'sallyport', options: { log: true }, callers: 'known' },
  { name: TRACED, server: 'sallyport', options: { log: true, exportedShare: 1 }, callers: 'known' },
  { name: TRACED_TENTH, server: 'sallyport', options: { log: true, exportedShare: 0.1 }, callers: 'known' },
  { name: SESSION, server: 'sallyport', options: { sessions: true }, callers: 'sessions' },
  { name: FIRST_SEEN, server: 'sallyport', callers: 'strangers' },
  { name: UNCACHED, server: 'bare-http-proxy', options: { jwt: 'uncached' }, callers: 'known' },
  {
    name: '@fastify/http-proxy + @fastify/jwt ES256, cached',
    server: 'bare-http-proxy',
    options: { jwt: 'cached' },
    callers: 'known'
  },
  { name: 'node:http + undici dispatch', server: 'node-dispatch', callers: 'known', open: true },
  { name: 'Express 5 + http-proxy-middleware + express-oauth2-jwt-bearer', server: 'express', callers: 'known' },
  { name: 'nginx', server: 'nginx', callers: 'known', open: true },
  { name: HAPROXY, server: 'haproxy', callers: 'rs256' },
  { name: BARE_TLS, server: 'bare-http-proxy', callers: 'known', tls: true, open: true },
  { name: KNOWN_TLS, server: 'sallyport', callers: 'known', tls: true },
  { name: LOGGED_TLS, server: 'sallyport', options: { log: true }, callers: 'known', tls: true },
  { name: SESSION_TLS, server: 'sallyport', options: { sessions: true }, callers: 'sessions', tls: true }
]

/** A ratio of two candidates, and the most that it should be. */
export interface GatewayGoal {
  readonly name: string
  readonly over: string
  readonly under: string
  /** `cpu`: CPU per completed request; `rss`: memory under load. */
  readonly of: 'cpu' | 'rss'
  readonly most: number
}

const cpuGoal = (name: string, over: string, under: string, most: number): GatewayGoal => ({
  name,
  over,
  under,
  of: 'cpu',
  most
})

/** What the gateway should cost beside others. */
export const GATEWAY_GOALS: readonly GatewayGoal[] = [
  cpuGoal('all security on, log off ÷ @fastify/http-proxy', KNOWN, BARE, 0.75),
  cpuGoal('with access log and trace ÷ @fastify/http-proxy', LOGGED, BARE, 0.95),
  cpuGoal('every trace exported ÷ access log and trace', TRACED, LOGGED, 1.15),
  cpuGoal('a tenth of the traces exported ÷ access log and trace', TRACED_TENTH, LOGGED, 1.15),
  cpuGoal('all security on, log off ÷ HAProxy jwt_verify RS256', KNOWN, HAPROXY, 1.25),
  cpuGoal('all security on, log off ÷ nginx', KNOWN, 'nginx', 5.5),
  cpuGoal('tokens seen for the first time ÷ @fastify/jwt ES256 uncached', FIRST_SEEN, UNCACHED, 0.7),
  cpuGoal('session cookie ÷ @fastify/http-proxy', SESSION, BARE, 1),
  cpuGoal('TLS to the service: all security on, log off ÷ @fastify/http-proxy', KNOWN_TLS, BARE_TLS, 0.75),
  cpuGoal('TLS to the service: with access log and trace ÷ @fastify/http-proxy', LOGGED_TLS, BARE_TLS, 0.95),
  cpuGoal('TLS to the service: session cookie ÷ @fastify/http-proxy', SESSION_TLS, BARE_TLS, 1),
  { name: 'memory under load ÷ @fastify/http-proxy', over: KNOWN, under: BARE, of: 'rss', most: 1.3 }
]
