import createError from '@fastify/error'

/** Request: came on a connection that was still open after the listener had been closed. */
export const ClosingError = createError('SALLYPORT_PROCESS_CLOSING', 'The service is closing; send the request again', 503)
