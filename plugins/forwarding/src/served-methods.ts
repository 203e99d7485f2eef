/** The methods that are forwarded. */
export const SERVED_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** A method that is forwarded. */
export type ServedMethod = (typeof SERVED_METHODS)[number]
