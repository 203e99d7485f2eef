import type { Lifetimes, Report } from './accounts/account-parts.ts'
import { createLoginThrottle, DEFAULT_THROTTLE_RULES, type ThrottleRules } from './accounts/throttle-guesses.ts'
import {
  createPasswordHasher,
  DEFAULT_PASSWORD_PARAMETERS,
  type PasswordHashFunction,
  type PasswordParameters
} from './accounts/passwords/password-hasher.ts'
import type { KeyAdministration } from './administration/keys.ts'
import { oncePerValue, type Clock } from '@sallyport/security-context/mechanics'
import { InvalidSettingsError } from './errors.ts'
import type { PageParts } from './http/page-context.ts'
import { createCsrfTokens } from './http/pages/csrf.ts'
import { KEYS_FRESHNESS_MS, keyTimesOf } from './key-times.ts'
import { liveKeyRing, livePepperRing, type SecretSettings } from './live-secrets.ts'
import type { AuthorizationServer } from './protocol/authorization-server.ts'
import { createInteractions } from './protocol/authorize/interactions.ts'
import { createDpopProofs } from './protocol/dpop-proofs.ts'
import type { AuthServerSettings } from './settings.ts'
import type { Store, WriteAudit } from './store/contract.ts'
import { accessTokenIssuer } from './tokens/issue-access-token.ts'
import { createSigningKeys } from './tokens/keys/follow-signing-keys.ts'
import { statusListPublisher } from './tokens/status-lists/publish-status-list.ts'
import { statusListUris } from './tokens/status-lists/status-list-uris.ts'
import { accessTokenVerifier } from './tokens/verify-access-token.ts'

/** What the authorization server is made with; everything but the store has a default. */
export interface AuthServerCollaborators {
  readonly store: Store
  readonly clock?: Clock
  readonly passwordParameters?: PasswordParameters
  readonly passwordHashFunction?: PasswordHashFunction
  readonly throttleRules?: ThrottleRules
  /** Where operators read of what failed and was done without. Default: the log of the app. */
  readonly report?: Report
  /** Secrets that may change while the server runs; another object when one has. Default: those of the settings. */
  readonly secrets?: () => SecretSettings
}

/** Every instance sees another's change of keys or status lists within this. */
const STATUS_LIST_FRESHNESS_MS = 100

/**
 * Puts the parts of the authorization server together.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export function composeAuthorizationServer(
  settings: AuthServerSettings,
  collaborators: AuthServerCollaborators
): PageParts {
  refuseSettings(settings)
  const { store, clock = Date.now, report = () => {}, secrets = () => settings } = collaborators
  const { issuer } = settings
  const uris = statusListUris(issuer)
  const sealingKeys = (): string => secrets().sealingKeys
  const ring = liveKeyRing(sealingKeys)
  const derivedKeys = (purpose: string): (() => readonly Buffer[]) =>
    oncePerValue(sealingKeys, () => ring.derive(purpose))
  const keys = createSigningKeys({ store, ring, clock, freshnessMs: KEYS_FRESHNESS_MS })
  return Object.freeze<PageParts>({
    issuer,
    store,
    clock,
    report,
    ring,
    keys,
    clockToleranceSeconds: settings.clockToleranceSeconds,
    dpop: createDpopProofs({
      store,
      clock,
      issuer,
      nonceKeys: derivedKeys('dpop-nonce'),
      nonceRequired: settings.dpopNonceRequired,
      clockToleranceSeconds: settings.clockToleranceSeconds
    }),
    interactions: createInteractions(ring, clock),
    csrf: createCsrfTokens(derivedKeys('page-csrf')),
    statusListUris: uris,
    statusListSize: settings.statusListSize,
    lifetimes: lifetimesFrom(settings),
    throttle: createLoginThrottle(store.loginAttempts, collaborators.throttleRules ?? DEFAULT_THROTTLE_RULES, clock),
    passwordPolicy: Object.freeze({ minLength: settings.passwordMinLength }),
    passwords: createPasswordHasher({
      parameters: collaborators.passwordParameters ?? DEFAULT_PASSWORD_PARAMETERS,
      concurrency: settings.passwordConcurrency,
      queueLength: settings.passwordQueueLength,
      peppers: livePepperRing(secrets),
      onUnknownPepper: reportOnce(id => {
        report(
          null,
          `password hashes name the pepper "${id}", which is not in passwordPeppers: their passwords are refused`
        )
      }),
      ...(collaborators.passwordHashFunction === undefined ? {} : { hashFunction: collaborators.passwordHashFunction })
    }),
    issueAccessToken: accessTokenIssuer({
      issuer,
      store,
      clock,
      keys,
      statusListUris: uris,
      lifetimeSeconds: settings.accessTokenLifetimeSeconds
    }),
    verifyAccessToken: accessTokenVerifier({ issuer, store, clock, keys, statusListUris: uris }),
    publishStatusList: statusListPublisher({
      issuer,
      store,
      clock,
      keys,
      uris,
      freshnessMs: STATUS_LIST_FRESHNESS_MS,
      ttlSeconds: settings.statusListTtlSeconds,
      lifetimeSeconds: settings.statusListLifetimeSeconds
    })
  })
}

/** The same parts for the administration functions. */
export function composeAdministration(
  settings: AuthServerSettings,
  server: AuthorizationServer,
  audit: WriteAudit
): KeyAdministration {
  return {
    store: server.store,
    clock: server.clock,
    passwords: server.passwords,
    passwordPolicy: server.passwordPolicy,
    statusListSize: server.statusListSize,
    ring: server.ring,
    keyTimes: keyTimesOf(settings),
    audit
  }
}

function lifetimesFrom(settings: AuthServerSettings): Lifetimes {
  const login = { idleSeconds: settings.loginIdleSeconds, absoluteSeconds: settings.loginAbsoluteSeconds }
  return {
    accessTokenSeconds: settings.accessTokenLifetimeSeconds,
    refreshGraceMs: settings.refreshGraceMs,
    signIn: login,
    sessions: {
      login,
      api: { idleSeconds: settings.apiIdleSeconds, absoluteSeconds: settings.apiAbsoluteSeconds }
    }
  }
}

/** One line for each id, however many logins it refuses. */
function reportOnce(report: (id: string) => void): (id: string) => void {
  const reported = new Set<string>()
  return id => {
    if (reported.has(id)) return
    reported.add(id)
    report(id)
  }
}

/** What each value alone does not show. */
function refuseSettings(settings: AuthServerSettings): void {
  const mistakes: string[] = []
  if (settings.loginIdleSeconds > settings.loginAbsoluteSeconds) {
    mistakes.push('loginIdleSeconds is more than loginAbsoluteSeconds')
  }
  if (settings.apiIdleSeconds > settings.apiAbsoluteSeconds) {
    mistakes.push('apiIdleSeconds is more than apiAbsoluteSeconds')
  }
  if (/[?#]|\/$/.test(settings.issuer)) mistakes.push('issuer has a query, a fragment or a slash at the end')
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes.join('; '))
}
