// The interface of options that users read, and the schema that checks them, have members of the same types.
import type { Static, TSchema } from '@sallyport/security-context/options'
import { expect, test } from 'tstyche'
import type * as audit from '../../plugins/audit-log/src/options.ts'
import type * as auditPrivacy from '../../plugins/audit-log/src/privacy/privacy-options.ts'
import type * as auditRoute from '../../plugins/audit-log/src/audit-route-options.ts'
import type * as authentication from '../../plugins/authentication/src/options.ts'
import type * as basic from '../../plugins/authentication/src/basic/options.ts'
import type * as dpop from '../../plugins/authentication/src/dpop/options.ts'
import type * as session from '../../plugins/authentication/src/session/options.ts'
import type * as introspector from '../../plugins/authentication/src/sources/introspector-options.ts'
import type * as sources from '../../plugins/authentication/src/sources/source-options.ts'
import type * as strangers from '../../plugins/authentication/src/stranger-gate.ts'
import type * as secret from '../../plugins/authentication/src/tokens/shared-secret.ts'
import type * as verifier from '../../plugins/authentication/src/tokens/verifier-options.ts'
import type * as authorization from '../../plugins/authorization/src/options.ts'
import type * as forwarding from '../../plugins/forwarding/src/options.ts'
import type * as forwarded from '../../plugins/forwarding/src/route-options.ts'
import type * as upstreams from '../../plugins/forwarding/src/upstream-options.ts'
import type * as health from '../../plugins/health/src/options.ts'
import type * as metrics from '../../plugins/metrics/src/options.ts'
import type * as transport from '../../plugins/secure-transport/src/options.ts'
import type * as exchange from '../../plugins/token-exchange/src/options.ts'

/** The members as if each were given, at every depth that is plain data. */
type Given<Options> = Options extends (...parameters: never[]) => unknown
  ? Options
  : Options extends object
    ? { -readonly [Key in keyof Options]-?: Given<Exclude<Options[Key], undefined>> }
    : Options

/** `true` when an interface and a schema say the same of every member. */
type Agrees<Options, Schema extends TSchema> = [Given<Options>, Given<Static<Schema>>] extends [
  Given<Static<Schema>>,
  Given<Options>
]
  ? [keyof Options, keyof Static<Schema>] extends [keyof Static<Schema>, keyof Options]
    ? true
    : false
  : false

test('interfaces and schemas of options have the same members of the same types', () => {
  expect<Agrees<audit.AuditLogOptions, typeof audit.auditLogOptions>>().type.toBe<true>()
  expect<Agrees<audit.SealerIntervals, typeof audit.sealerIntervals>>().type.toBe<true>()
  expect<Agrees<audit.RefusalCounting, typeof audit.refusalCounting>>().type.toBe<true>()
  expect<Agrees<auditPrivacy.TrailPrivacy, typeof auditPrivacy.trailPrivacy>>().type.toBe<true>()
  expect<Agrees<auditRoute.AuditRoute, typeof auditRoute.auditRoute>>().type.toBe<true>()
  expect<Agrees<authentication.AuthenticationOptions, typeof authentication.authenticationOptions>>().type.toBe<true>()
  expect<Agrees<basic.BasicOptions, typeof basic.basicOptions>>().type.toBe<true>()
  expect<Agrees<dpop.DpopOptions, typeof dpop.dpopOptions>>().type.toBe<true>()
  expect<Agrees<session.SessionOptions, typeof session.sessionOptions>>().type.toBe<true>()
  expect<Agrees<introspector.IntrospectorOptions, typeof introspector.introspectorOptions>>().type.toBe<true>()
  expect<Agrees<sources.JwksKeySourceOptions, typeof sources.jwksKeySourceOptions>>().type.toBe<true>()
  expect<Agrees<sources.StatusListSourceOptions, typeof sources.statusListSourceOptions>>().type.toBe<true>()
  expect<Agrees<strangers.StrangerLimits, typeof strangers.strangerLimits>>().type.toBe<true>()
  expect<Agrees<secret.SharedSecretOptions, typeof secret.sharedSecretOptions>>().type.toBe<true>()
  expect<Agrees<verifier.TokenVerifierOptions, typeof verifier.tokenVerifierOptions>>().type.toBe<true>()
  expect<Agrees<authorization.AuthorizationOptions, typeof authorization.authorizationOptions>>().type.toBe<true>()
  expect<Agrees<forwarding.ForwardingOptions, typeof forwarding.forwardingOptions>>().type.toBe<true>()
  expect<Agrees<forwarded.ForwardedRouteOptions, typeof forwarded.forwardedRouteOptions>>().type.toBe<true>()
  expect<Agrees<upstreams.UpstreamOptions, typeof upstreams.upstreamOptions>>().type.toBe<true>()
  expect<Agrees<health.HealthOptions, typeof health.healthOptions>>().type.toBe<true>()
  expect<Agrees<health.PressureOptions, typeof health.pressureOptions>>().type.toBe<true>()
  expect<Agrees<metrics.MetricsOptions, typeof metrics.metricsOptions>>().type.toBe<true>()
  expect<Agrees<transport.SecureTransportOptions, typeof transport.secureTransportOptions>>().type.toBe<true>()
  expect<Agrees<transport.PeerAgentOptions, typeof transport.peerAgentOptions>>().type.toBe<true>()
  expect<Agrees<exchange.TokenExchangeOptions, typeof exchange.tokenExchangeOptions>>().type.toBe<true>()
  expect<Agrees<exchange.TokenClientOptions, typeof exchange.tokenClientOptions>>().type.toBe<true>()
})

test('another type and another member are found', () => {
  expect<Agrees<{ process?: number }, typeof metrics.metricsOptions>>().type.toBe<false>()
  expect<Agrees<metrics.MetricsOptions & { other?: 1 }, typeof metrics.metricsOptions>>().type.toBe<false>()
  expect<Agrees<Omit<metrics.MetricsOptions, 'process'>, typeof metrics.metricsOptions>>().type.toBe<false>()
})
