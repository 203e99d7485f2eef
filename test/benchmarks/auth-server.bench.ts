import type { Benchmark } from './harness/types.ts'

/**
 * CPU per request of the authorization server's endpoints beside npm oidc-provider with its memory adapter.
 * The peer does not do what ours does on the same request: audit rows, status indexes, idempotent rotation.
 */
export const benchmark: Benchmark = {
  candidates: [
    { name: 'oidc-provider', server: new URL('auth-server/oidc-provider.ts', import.meta.url), needs: 'oidc-provider' }
  ],
  operations: [
    { name: 'client credentials', requests: 800, concurrency: 16 },
    { name: 'introspection', requests: 1500, concurrency: 16 },
    { name: 'refresh', requests: 640, concurrency: 16 }
  ],
  goals: [],
  rounds: 3
}
