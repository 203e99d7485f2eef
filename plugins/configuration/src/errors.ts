import createError from '@fastify/error'

/** Boot: the options of the plugin or of `loadSettings` are not valid; the message names every mistake. */
export const ConfigurationOptionsError = createError(
  'SALLYPORT_CONFIGURATION_OPTIONS_INVALID',
  'Options of @sallyport/configuration: %s',
  500
)

/** Boot: the settings have mistakes; the message lists every one of them with the origin of its value. */
export const ConfigurationError = createError('SALLYPORT_CONFIGURATION_INVALID', '%s', 500)
