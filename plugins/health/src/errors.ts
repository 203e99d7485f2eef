import createError from '@fastify/error'

/** Boot: the options of the plugin are not valid; the message names every mistake. */
export const InvalidOptionsError = createError(
  'SALLYPORT_HEALTH_OPTIONS_INVALID',
  'Options of @sallyport/health: %s',
  500
)

/** Boot: the operations listener cannot listen where it was told to. */
export const OperationsListenerError = createError(
  'SALLYPORT_HEALTH_LISTENER',
  'The operations listener cannot listen on %s: %s',
  500
)

/** Request: shed because the process is over a pressure threshold. */
export const OverloadedError = createError('SALLYPORT_HEALTH_OVERLOADED', 'The service is overloaded', 503)
