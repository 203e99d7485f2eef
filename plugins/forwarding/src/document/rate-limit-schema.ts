import Type from 'typebox'
import { AWAY_RULES, LIMITED_PARTIES } from '../rate-limits/rate-limit-options.ts'
import { closed } from './schema-parts.ts'

/** A limit of requests in a document. */
export const rateLimit = closed(
  {
    per: Type.Enum([...LIMITED_PARTIES], {
      description:
        'Whom it counts: each `principal`, each OAuth `client`, each `source` (an IPv4 address, or the /64 of an IPv6 ' +
        'one), or all requests of the `route` together.'
    }),
    requests: Type.Integer({ minimum: 1, maximum: 10_000_000, description: 'How many there may be in any window.' }),
    windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400, description: 'Length of the window.' }),
    whenAway: Type.Optional(
      Type.Enum([...AWAY_RULES], {
        description:
          'While the shared store is away: each process counts its share (`local`, the default), nobody counts ' +
          '(`open`), or nothing passes (`closed`: 503).'
      })
    )
  },
  'How many requests there may be.'
)
