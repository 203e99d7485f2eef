import type { SpanAttributes } from './span-record.ts'

/** What most attributes of a span depend on, beside its route or its peer. */
export interface CommonFacts {
  readonly method: string
  readonly statusCode: number | null
  readonly protocol: string
  /** Of the protocol. */
  readonly version: string
}

/** Few different ones: more than these are a stranger's choice, and are made anew. */
const MOST_LISTS = 32

/** The attributes of the spans of one route or one peer: spans with the same facts share one list of them. */
export class CommonAttributes {
  readonly #known: Array<CommonFacts & { readonly attributes: SpanAttributes }> = []

  /** The list of these facts, made by `make` when it is asked for first. */
  of(facts: CommonFacts, make: (facts: CommonFacts) => SpanAttributes): SpanAttributes {
    const { method, statusCode, protocol, version } = facts
    for (const known of this.#known) {
      if (known.statusCode === statusCode && known.method === method && known.protocol === protocol) {
        if (known.version === version) return known.attributes
      }
    }
    const attributes = make(facts)
    if (this.#known.length < MOST_LISTS) this.#known.push({ ...facts, attributes })
    return attributes
  }
}
