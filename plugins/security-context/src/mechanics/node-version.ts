/** The oldest Node that the packages run on; `engines` of each of them says the same. */
const OLDEST = { major: 22, minor: 19 }

/**
 * One line about a Node that is too old; `null` when it is not. It and what imports it run on such a Node too, so they
 * use nothing that is new.
 * @param version as in `process.versions.node`
 */
export function nodeVersionMistake(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return null
  return `Sallyport needs Node ${OLDEST.major}.${OLDEST.minor} or later, and this is Node ${version}`
}
