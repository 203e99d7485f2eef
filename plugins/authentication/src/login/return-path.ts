/** Five pending logins have to fit into one header, see {@link PendingLogins}. */
export const LONGEST_RETURN_PATH = 1024

/** Visible ASCII without what a browser takes for a slash; one slash in front, since two begin another host. */
const RETURN_PATH_FORM = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/
const PATH_BASE = 'https://path.invalid'

/**
 * Whether a browser that is sent to this text after a login stays on this origin. Only a path in the form that URL
 * parsers keep is one: where they would change something, two of them could disagree on where it leads.
 * @see RFC 9700 §4.11.1
 */
export function isReturnPath(text: string): boolean {
  if (text.length > LONGEST_RETURN_PATH || !RETURN_PATH_FORM.test(text)) return false
  const url = URL.parse(text, PATH_BASE)
  return url !== null && url.origin === PATH_BASE && !url.pathname.startsWith('//') && url.href === PATH_BASE + text
}
