import { isLoopback } from './loopback.ts'

/**
 * Why a URL must not be asked for tokens or keys, `null` when it may: https, or plain http to this machine itself for
 * development.
 * @param value the URL as configured or as found in the metadata
 */
export function endpointMistake(value: string): string | null {
  const url = URL.parse(value)
  if (url === null) return 'is not an absolute URL'
  if (url.username !== '' || url.password !== '') return 'carries credentials'
  if (url.hash !== '') return 'has a fragment'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return null
  return 'is neither https nor http on a loopback address'
}
