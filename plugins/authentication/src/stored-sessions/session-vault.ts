import { createHash } from 'node:crypto'
import type { DpopKey } from '@sallyport/security-context'
import { openDpopKey } from '../dpop/dpop-key.ts'
import { createSealer } from '../session/seal.ts'
import type { ReadSessionOptions } from '../session/options.ts'
import type { SessionStore, StoredSession } from './session-store.ts'
import { parseSessionContents, type SessionContents } from './session-contents.ts'

/** A session and what is in it. */
export interface OpenSession {
  readonly session: StoredSession
  readonly contents: SessionContents
  /** What its access tokens are bound to; `null` for nothing. */
  readonly dpopKey: DpopKey | null
}

/** Seals sessions for the store and opens those that come from it. */
export interface SessionVault {
  /** The id under which a handle's session is kept. */
  readonly idOf: (handle: string) => string
  readonly seal: (id: string, contents: SessionContents) => string
  /** `null` when no key of the ring sealed it for this id: its key is gone, or it was moved. */
  readonly open: (session: StoredSession) => OpenSession | null
  readonly find: (id: string, nowMs: number) => Promise<OpenSession | null>
  readonly sealData: (id: string, data: string) => string
  readonly openData: (session: Pick<StoredSession, 'id' | 'data'>) => string | null
}

/** @param options with the ring of the session cookies */
export function createSessionVault(
  { keys, clock }: Pick<ReadSessionOptions, 'keys' | 'clock'>,
  store: Pick<SessionStore, 'find'>
): SessionVault {
  const sealer = createSealer(keys)
  const tokens = (id: string): string => `stored tokens\0${id}`
  const data = (id: string): string => `stored data\0${id}`

  function open(session: StoredSession): OpenSession | null {
    const text = sealer.unseal(tokens(session.id), session.sealed)
    const contents = text === null ? null : parseSessionContents(text)
    if (contents === null) return null
    const { dpopSecret } = contents
    return { session, contents, dpopKey: dpopSecret === null ? null : openDpopKey(dpopSecret, clock) }
  }

  return {
    // 256 random bits need neither salt nor key.
    idOf: handle => createHash('sha256').update(handle, 'ascii').digest('base64url'),
    seal: (id, contents) => sealer.seal(tokens(id), JSON.stringify(contents)),
    open,
    find: async (id, nowMs) => {
      const session = await store.find(id, nowMs)
      return session === null ? null : open(session)
    },
    sealData: (id, text) => sealer.seal(data(id), text),
    openData: session => (session.data === null ? null : sealer.unseal(data(session.id), session.data))
  }
}
