import createError from '@fastify/error'

/** Boot: the options are not valid; the message names every mistake. */
export const InvalidOptionsError = createError(
  'SALLYPORT_METRICS_OPTIONS_INVALID',
  'Options of @sallyport/metrics: %s',
  500
)
