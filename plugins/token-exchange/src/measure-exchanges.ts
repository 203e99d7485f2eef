import type { Measurement } from '@sallyport/security-context'
import type { ExchangeCache } from './exchange-cache.ts'

/** What operators watch of exchanged tokens. */
export function exchangeMeasurements(cache: ExchangeCache): Measurement[] {
  return [
    {
      name: 'sallyport_token_exchange_cache_lookups_total',
      help: 'Look-ups of exchanged tokens: kept, asked for, or asked for by somebody else already',
      kind: 'counter',
      labels: ['result'],
      read: () => Object.entries(cache.lookups()).map(([result, value]) => ({ labels: { result }, value }))
    },
    {
      name: 'sallyport_token_exchange_cache_entries',
      help: 'Exchanged tokens that are kept',
      kind: 'gauge',
      read: () => cache.size()
    }
  ]
}
