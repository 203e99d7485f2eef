import type { Benchmark } from './support/types.ts'

const sallyport = new URL('auth-server/sallyport.ts', import.meta.url)

/**
 * CPU per request of the authorization server's endpoints beside npm oidc-provider with its memory adapter, both over
 * plain HTTP. The peer does not do what ours does on the same request: status positions, idempotent rotation. Our store
 * in memory has no audit trail, and the log is at `warn` on both sides; with PostgreSQL the audit rows are written, and
 * the CPU is that of our process alone. `introspection` is of opaque tokens on both sides: the peer has no
 * introspection of JWTs.
 */
export const benchmark: Benchmark = {
  candidates: [
    { name: 'oidc-provider', server: new URL('auth-server/oidc-provider.ts', import.meta.url), needs: 'oidc-provider' },
    { name: 'sallyport in memory', server: sallyport, options: { store: 'memory' } },
    { name: 'sallyport on PostgreSQL', server: sallyport, options: { store: 'postgres' } }
  ],
  operations: [
    { name: 'client credentials', warmUp: 20_000, requests: 4000, concurrency: 16 },
    { name: 'introspection', warmUp: 20_000, requests: 6000, concurrency: 16 },
    { name: 'introspection of a JWT', warmUp: 20_000, requests: 4000, concurrency: 16 },
    { name: 'refresh', warmUp: 10_240, requests: 1280, concurrency: 16 }
  ],
  goals: [
    {
      name: 'client credentials: oidc-provider ÷ sallyport in memory',
      operation: 'client credentials',
      slower: 'oidc-provider',
      faster: 'sallyport in memory',
      goal: 2,
      better: 'higher'
    },
    {
      name: 'introspection: oidc-provider ÷ sallyport in memory',
      operation: 'introspection',
      slower: 'oidc-provider',
      faster: 'sallyport in memory',
      goal: 3,
      better: 'higher'
    },
    {
      name: 'refresh: oidc-provider ÷ sallyport in memory',
      operation: 'refresh',
      slower: 'oidc-provider',
      faster: 'sallyport in memory',
      goal: 2,
      better: 'higher'
    }
  ],
  rounds: 5
}
