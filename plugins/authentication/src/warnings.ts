import { processWarnings } from '@sallyport/security-context/mechanics'

/** Where the sources of this plugin report that were given no log. */
export const WARNINGS = processWarnings('SALLYPORT_AUTHENTICATION')
