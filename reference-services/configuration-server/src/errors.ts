import createError from '@fastify/error'

/** There is no such configuration, or no such version of it. */
export const ConfigurationUnknownError = createError(
  'SALLYPORT_CONFIGSERVER_UNKNOWN',
  'There is no such configuration',
  404
)

/** A write without `If-Match` and without `If-None-Match: *`. @see RFC 6585 §3 */
export const PreconditionRequiredError = createError(
  'SALLYPORT_CONFIGSERVER_PRECONDITION_REQUIRED',
  'A change says which version it changes: If-Match, or If-None-Match: *',
  428
)

/** The configuration has another version by now, or exists already. @see RFC 9110 §13.1 */
export const ConfigurationChangedError = createError(
  'SALLYPORT_CONFIGSERVER_CHANGED',
  'The configuration has another version',
  412
)

/** The content cannot be kept: a secret in clear, a name that is there twice, a value that JSON cannot carry. */
export const ContentInvalidError = createError(
  'SALLYPORT_CONFIGSERVER_CONTENT_INVALID',
  'The configuration is not valid: %s',
  400
)

/** A secret cannot be decrypted: its key is not in the ring, or the row was changed. */
export const SecretUnreadableError = createError<[ErrorOptions?]>(
  'SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE',
  'Internal Server Error',
  500
)

/** Boot: the key ring is not valid; the message names its mistakes. */
export const SealingKeysError = createError('SALLYPORT_CONFIGSERVER_KEYS_INVALID', 'Invalid sealing keys: %s', 500)

/** As many streams of changes are open as there may be. */
export class StreamsExhaustedError extends createError<[]>(
  'SALLYPORT_CONFIGSERVER_STREAMS_EXHAUSTED',
  'There are too many streams of changes',
  503
) {
  readonly headers = Object.freeze({ 'retry-after': '30' })
}
