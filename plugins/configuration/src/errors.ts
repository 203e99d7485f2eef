import createError from '@fastify/error'

/** Boot: the options of the plugin or of `loadSettings` are not valid; the message names every mistake. */
export const ConfigurationOptionsError = createError(
  'SALLYPORT_CONFIGURATION_OPTIONS_INVALID',
  'Options of @sallyport/configuration: %s',
  500
)

/** Boot: the settings have mistakes; the message lists every one of them with the origin of its value. */
export const ConfigurationError = createError('SALLYPORT_CONFIGURATION_INVALID', '%s', 500)

/** A configuration server does not answer; what was taken last stays. */
export const ServerUnreachableError = createError(
  'SALLYPORT_CONFIGURATION_SERVER_UNREACHABLE',
  'The configuration server does not answer',
  503
)

/** A configuration server answers with something else than a document, or a name is no token; the message says what. */
export const ServerAnswerError = createError(
  'SALLYPORT_CONFIGURATION_SERVER_ANSWER',
  'The answer of the configuration server is refused: %s',
  502
)

/** The encrypted snapshot of pulled settings is refused; the message says why. */
export const SnapshotError = createError(
  'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID',
  'The snapshot of pulled settings %s',
  500
)
