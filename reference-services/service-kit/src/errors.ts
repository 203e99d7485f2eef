import createError from '@fastify/error'

/** A handler uses a caller or a resource that its route does not declare; the cause says which. */
export const ServiceMisuseError = createError('SALLYPORT_SERVICE_MISUSE', 'Internal Server Error', 500)

/** Boot: settings that are valid one by one do not fit together; the message names the mistake. */
export const ServiceSettingsError = createError('SALLYPORT_SERVICE_SETTINGS_INVALID', 'Invalid settings: %s', 500)

/** The `after` of a list is not the `next` of a page. */
export const CursorInvalidError = createError(
  'SALLYPORT_SERVICE_CURSOR_INVALID',
  'The position of the page is not valid',
  400
)
