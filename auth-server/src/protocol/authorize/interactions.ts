import type { Clock } from '../../clock.ts'
import { UnsealError } from '../../errors.ts'
import { invalidRequest } from '../../oauth-error.ts'
import type { KeyRing } from '../../tokens/keys/sealing-key-ring.ts'
import type { AuthorizationRequest } from './authorization-request.ts'

/** An authorization request on its way through the pages. */
export interface Interaction {
  readonly request: AuthorizationRequest
  /** The sign-in that began for this very request: it satisfies `prompt=login` and any `max_age`. */
  readonly freshSignInId: string | null
  /** What a consent page shows, and in which sign-in: a decision counts for nothing else. */
  readonly asked: { readonly signInId: string; readonly scopes: readonly string[] } | null
}

/** Hands interactions to the browser and takes them back, unread and unchanged: no instance has to remember them. */
export interface Interactions {
  readonly seal: (interaction: Interaction) => string
  /** @throws {OAuthError} `invalid_request` for one that is changed, made up or too old */
  readonly unseal: (sealed: string) => Interaction
}

const INTERACTION_PURPOSE = 'sallyport authorization interaction'
/** How long a page may be left open. */
const LIFETIME_MS = 30 * 60_000

/** Interactions under the key ring that all instances share. */
export function createInteractions(ring: KeyRing, clock: Clock): Interactions {
  const stale = (reason: string): Error =>
    invalidRequest(reason, 'This page is too old. Go back to the application and start again')
  return {
    seal: interaction =>
      ring
        .seal(INTERACTION_PURPOSE, Buffer.from(JSON.stringify({ interaction, untilMs: clock() + LIFETIME_MS })))
        .toString('base64url'),
    unseal: sealed => {
      try {
        // Authenticated by the ring: only this module wrote it.
        const { interaction, untilMs } = JSON.parse(
          ring.unseal(INTERACTION_PURPOSE, Buffer.from(sealed, 'base64url')).toString()
        ) as { interaction: Interaction; untilMs: number }
        if (clock() >= untilMs) throw stale('interaction-expired')
        return interaction
      } catch (error) {
        throw error instanceof UnsealError ? stale('interaction-invalid') : error
      }
    }
  }
}
