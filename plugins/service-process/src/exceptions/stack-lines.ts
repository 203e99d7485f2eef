const FRAME_START = '    at '
/** The lines of interest stand at the end, after a message of any length. */
const LONGEST_END = 65_536

/**
 * The lines of a stack that name a place, innermost first. The message stands before them and may hold what a caller
 * wrote: no line of it counts, however much it looks like a place.
 */
export function stackLines(error: unknown): readonly string[] {
  const stack = stackText(error)
  if (stack === null) return []
  const lines = stack.slice(-LONGEST_END).split('\n')
  const places = lines.slice(lines.findLastIndex(line => !line.startsWith(FRAME_START)) + 1)
  const told = new Set(errorText(error).split('\n'))
  return places.filter(line => !told.has(line)).map(line => line.slice(FRAME_START.length))
}

/** The whole stack; `null` where there is none. It is made when it is first read, which may fail. */
export function stackText(error: unknown): string | null {
  try {
    return error instanceof Error && typeof error.stack === 'string' ? error.stack : null
  } catch {
    return null
  }
}

/** What an error says, or a value that was thrown in place of one. Never throws. */
export function errorText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'a value without a text'
  }
}
