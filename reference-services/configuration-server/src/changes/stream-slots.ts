import { StreamsExhaustedError } from '../errors.ts'

/** Counts the open streams, so that they stay within their bounds. */
export interface StreamSlots {
  /** @returns gives the place back, once @throws `SALLYPORT_CONFIGSERVER_STREAMS_EXHAUSTED` */
  readonly take: (caller: string) => () => void
}

/**
 * @param most of all callers
 * @param mostPerCaller one caller does not take the places of the others
 */
export function streamSlots(most: number, mostPerCaller: number): StreamSlots {
  const byCaller = new Map<string, number>()
  let all = 0
  return {
    take(caller) {
      const own = byCaller.get(caller) ?? 0
      if (all >= most || own >= mostPerCaller) throw new StreamsExhaustedError()
      all++
      byCaller.set(caller, own + 1)
      let isTaken = true
      return function giveBack() {
        if (!isTaken) return
        isTaken = false
        all--
        const left = (byCaller.get(caller) ?? 1) - 1
        if (left === 0) byCaller.delete(caller)
        else byCaller.set(caller, left)
      }
    }
  }
}
