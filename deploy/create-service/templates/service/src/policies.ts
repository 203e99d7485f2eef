import { allOf, role, scope } from '@sallyport/authorization'

/** Who writes sample items: customers, each their own. */
export const mayWriteSampleItem = allOf(scope('sample-items:write'), role('CUSTOMER'))
