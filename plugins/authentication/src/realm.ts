import { customOption } from '@sallyport/security-context/options'

/** Visible ASCII without what a quoted string would have to escape. @see RFC 9110 §5.6.4 */
const REALM = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,200}$/

/** The `realm` of a challenge. */
export function realmOption(defaultText?: string) {
  return customOption<string>(
    '1 to 200 printable ASCII characters without " and \\',
    value => typeof value === 'string' && REALM.test(value),
    defaultText === undefined ? {} : { defaultText }
  )
}
