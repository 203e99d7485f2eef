import type { SentBatch, TrailReceiver } from '@sallyport/audit-log'

type SentRow = Parameters<TrailReceiver['send']>[0][number]

/** A receiver in memory, which keeps what it takes. */
export interface KeptReceiver extends TrailReceiver {
  readonly rows: readonly SentRow[]
  readonly batches: readonly number[]
  /** What it does in place of keeping a batch; `null`: it keeps it. */
  instead: ((rows: readonly SentRow[]) => Promise<SentBatch | null>) | null
}

/** Makes one. */
export function keptReceiver(): KeptReceiver {
  const rows: SentRow[] = []
  const batches: number[] = []
  const facts: { instead: KeptReceiver['instead'] } = { instead: null }
  return Object.assign(facts, {
    name: 'memory',
    rows,
    batches,
    send: async (sent: readonly SentRow[]): Promise<SentBatch> => {
      const other = (await facts.instead?.(sent)) ?? null
      if (other !== null) return other
      rows.push(...sent)
      batches.push(sent.length)
      return { kind: 'taken', refused: 0 }
    }
  })
}
