/** What the person at the command line can put right. */
export class GeneratorError extends Error {
  override readonly name = 'GeneratorError'
}
