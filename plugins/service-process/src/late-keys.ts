import type { KeySource } from '@sallyport/security-context'
import type { Discovery } from './discovery.ts'

/**
 * The keys of an issuer that is not found yet. Until then no token can be verified: `find` and `ready` reject with
 * `SALLYPORT_PROCESS_NOT_DISCOVERED` (503, `Retry-After`).
 * @param discovery the discovery of the issuer
 * @param open makes the source, once
 */
export function lateKeySource<Metadata>(
  discovery: Discovery<Metadata>,
  open: (metadata: Metadata) => KeySource
): KeySource {
  let source: KeySource | null = null

  function opened(): KeySource | null {
    const metadata = discovery.found()
    if (metadata !== null) source ??= open(metadata)
    return source
  }

  async function required(): Promise<KeySource> {
    const metadata = await discovery.get()
    source ??= open(metadata)
    return source
  }

  return {
    find: async keyId => await (await required()).find(keyId),
    isPublished: keyId => opened()?.isPublished(keyId) ?? false,
    ready: async () => {
      await (await required()).ready()
    },
    ageMs: () => source?.ageMs() ?? null,
    close: async () => {
      await source?.close()
    }
  }
}
