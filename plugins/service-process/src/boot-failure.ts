/**
 * A message for people about a failed boot, with a stack only when the error is a defect and not a mistake of the
 * operator.
 * @param place where the process was to listen, `null` before that is known
 */
export function bootFailure(error: unknown, place: { readonly host: string; readonly port: number } | null): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  if (place !== null && code === 'EADDRINUSE') return `port ${place.port} on ${place.host} is taken`
  if (place !== null && code === 'EACCES') return `port ${place.port} on ${place.host} is not allowed for this user`
  // When no address of a host answers, the error is an AggregateError with an empty message.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(inner => (inner instanceof Error ? inner.message : String(inner))).join(', ')
  }
  return code === null ? (error.stack ?? error.message) : error.message
}
