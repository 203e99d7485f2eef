import createError from '@fastify/error'

/** Request: the route requires an `Idempotency-Key` and there is none. */
export const KeyMissingError = createError(
  'SALLYPORT_IDEMPOTENCY_KEY_MISSING',
  'This operation requires an Idempotency-Key',
  400
)

/** Request: the `Idempotency-Key` is no string of RFC 8941, or is empty or too long. */
export const KeyInvalidError = createError('SALLYPORT_IDEMPOTENCY_KEY_INVALID', 'The Idempotency-Key is not valid', 400)

/** Request: the body is nothing that a later request can be compared with: a stream, or JSON that nests too deep. */
export const BodyUnsupportedError = createError(
  'SALLYPORT_IDEMPOTENCY_BODY_UNSUPPORTED',
  'The body cannot be sent with an Idempotency-Key',
  400
)

/** Request: the key belongs to another request: other body, other path. */
export const KeyReusedError = createError(
  'SALLYPORT_IDEMPOTENCY_KEY_REUSED',
  'The Idempotency-Key was used for another request',
  422
)

/** Request: the first request with this key is still at it, or began something that is not finished yet. */
export class InProgressError extends createError<[]>(
  'SALLYPORT_IDEMPOTENCY_IN_PROGRESS',
  'A request with this Idempotency-Key is in progress',
  409
) {
  readonly headers = Object.freeze({ 'retry-after': '1' })
}

/** Request: the records cannot be read or written, so nothing is done under the key either. */
export class RecordsUnavailableError extends createError<[]>(
  'SALLYPORT_IDEMPOTENCY_UNAVAILABLE',
  'Service Unavailable',
  503
) {
  readonly headers = Object.freeze({ 'retry-after': '5' })
}

/** Handler: the answer is larger than `maxAnswerBytes`; roll back. */
export const AnswerTooLargeError = createError('SALLYPORT_IDEMPOTENCY_ANSWER_TOO_LARGE', 'Internal Server Error', 500)

/** Handler: it succeeded under a key that it has never claimed, so a repetition would have a second effect. */
export const KeyUnclaimedError = createError('SALLYPORT_IDEMPOTENCY_KEY_UNCLAIMED', 'Internal Server Error', 500)

/** Handler: `request.idempotency` is used as it cannot work; what is wrong is in the cause. */
export const IdempotencyMisuseError = createError('SALLYPORT_IDEMPOTENCY_MISUSE', 'Internal Server Error', 500)

/** Boot: routes declare `config.idempotency` in a way that cannot work; the message names every one. */
export const IdempotencyRoutesError = createError(
  'SALLYPORT_IDEMPOTENCY_ROUTES_INVALID',
  'Invalid config.idempotency: %s',
  500
)

/** Boot: the options of the plugin are not valid; the message names every mistake. */
export const IdempotencyOptionsError = createError(
  'SALLYPORT_IDEMPOTENCY_OPTIONS_INVALID',
  'Invalid options of @sallyport/idempotency: %s',
  500
)
