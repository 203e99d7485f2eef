import createError from '@fastify/error'

/** A handler asked for a caller or a resource that its route's declaration does not provide; what is missing is in the log. */
export const ChassisMisuseError = createError('SALLYPORT_CHASSIS_MISUSE', 'Internal Server Error: %s', 500)
