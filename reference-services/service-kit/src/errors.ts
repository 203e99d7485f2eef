import createError from '@fastify/error'

/** A handler asked for a caller or a resource that its route does not declare; what is missing is in the cause. */
export const ServiceMisuseError = createError('SALLYPORT_SERVICE_MISUSE', 'Internal Server Error', 500)

/** Boot: settings that are each valid do not fit together; the message names the mistake. */
export const ServiceSettingsError = createError('SALLYPORT_SERVICE_SETTINGS_INVALID', 'Invalid settings: %s', 500)

/** The `after` of a list is not one that a page ended with. */
export const CursorInvalidError = createError(
  'SALLYPORT_SERVICE_CURSOR_INVALID',
  'The position of the page is not valid',
  400
)
