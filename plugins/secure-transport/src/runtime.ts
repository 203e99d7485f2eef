import { InsecureRuntimeError } from './errors.ts'

/** Flags that weaken every connection of the process, and what each of them does. */
const REFUSED_FLAGS: ReadonlyMap<string, string> = new Map([
  ['--insecure-http-parser', 'accepts ambiguous framing, so that two parsers can disagree on where a request ends'],
  ['--tls-min-v1.0', 'allows TLS 1.0'],
  ['--tls-min-v1.1', 'allows TLS 1.1'],
  ['--tls-keylog', 'writes TLS keys to a file'],
  ['--security-revert', 'takes back security fixes of Node.js']
])

/**
 * Throws in a process whose TLS verification or HTTP parsing is weakened from outside. Call it first.
 * @param environment `process.env`: it reads NODE_TLS_REJECT_UNAUTHORIZED and NODE_OPTIONS
 * @param execArgv `process.execArgv`
 * @throws {InsecureRuntimeError} `SALLYPORT_TRANSPORT_RUNTIME_INSECURE`, with every reason
 */
export function refuseInsecureRuntime(
  environment: Readonly<Record<string, string | undefined>>,
  execArgv: readonly string[]
): void {
  const reasons = [
    ...(environment.NODE_TLS_REJECT_UNAUTHORIZED === '0'
      ? ['NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate verification off']
      : []),
    ...refusedFlags(execArgv).map(flag => `${flag} ${REFUSED_FLAGS.get(flag)}`),
    ...refusedFlags(environment.NODE_OPTIONS?.split(/[\s"]+/) ?? []).map(
      flag => `${flag} in NODE_OPTIONS ${REFUSED_FLAGS.get(flag)}`
    )
  ]
  if (reasons.length > 0) throw new InsecureRuntimeError(reasons.join('; '))
}

/** Node reads underscores in flags as hyphens. */
function refusedFlags(args: readonly string[]): string[] {
  return args.map(arg => (arg.split('=')[0] ?? '').replaceAll('_', '-')).filter(flag => REFUSED_FLAGS.has(flag))
}
