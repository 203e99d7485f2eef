/** A mistake of the operator or of the machine that one line explains; printed without a stack. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError'
}
