import { scope } from '@sallyport/authorization'

/** Who reads reports. */
export const mayReadReport = scope('reports:read')
