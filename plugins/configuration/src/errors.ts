import createError from '@fastify/error'

/** Boot: the settings have mistakes; the message lists every one of them with the origin of its value. */
export const ConfigurationError = createError('SALLYPORT_CONFIGURATION_INVALID', '%s', 500)
