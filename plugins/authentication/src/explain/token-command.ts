import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { defined, messageWithCause, readBody, type Clock } from '@sallyport/security-context/mechanics'
import { Agent, type Dispatcher } from 'undici'
import { createIssuerDiscovery, discoveredJwksUri } from '../sources/issuer-discovery.ts'
import { createJwksKeySource } from '../sources/jwks-key-source.ts'
import { createPublishedStatusLists } from '../sources/published-status-lists.ts'
import { createStatusListSource } from '../sources/status-list-source.ts'
import { isProfileName, PROFILE_NAMES } from '../tokens/profiles.ts'
import type { TrustedIssuerOptions } from '../tokens/verifier-options.ts'
import { explainToken, type TokenExplanation } from './explain-token.ts'

/** How the command was called. */
export interface TokenCommandCall {
  /** After the name of the program. */
  readonly args: readonly string[]
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of its executable, for help and usage. */
  readonly call: string
  /** Where the token is read from. */
  readonly input: AsyncIterable<Uint8Array | string>
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  /** Carries the connections. Left out: an agent that trusts `--ca`, or what Node trusts. */
  readonly dispatcher?: Dispatcher
  readonly clock?: Clock
}

/** Exit codes: what scripts ask for. */
const TOKEN_COMMAND_EXITS = Object.freeze({ accepted: 0, refused: 1, usage: 2, 'cannot-tell': 3 })

const MAX_INPUT_BYTES = 64 * 1024
const FETCH_TIMEOUT_MS = 5000

const TOKEN_COMMAND_OPTIONS = {
  issuer: { type: 'string', multiple: true },
  audience: { type: 'string' },
  profile: { type: 'string' },
  'jwks-uri': { type: 'string' },
  'metadata-uri': { type: 'string' },
  algorithm: { type: 'string', multiple: true },
  'tolerance-seconds': { type: 'string' },
  ca: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

type TokenOptions = ReturnType<typeof parseArgs<{ options: typeof TOKEN_COMMAND_OPTIONS }>>['values']

/** The call itself is wrong. */
class TokenUsageError extends Error {}

/**
 * `explain`: reads a token from the input and prints what each check of a verifier says of it, never the token.
 * @returns the exit code: 0 accepted, 1 refused, 2 a wrong call, 3 nobody can tell now
 */
export async function runTokenCommand(given: TokenCommandCall): Promise<number> {
  const { args, call, out, error } = given
  try {
    const [command, ...rest] = args
    const options = parseTokenOptions(rest)
    if (command === undefined || command === '--help' || command === '-h' || options.help === true) {
      out(usageText(call))
      return TOKEN_COMMAND_EXITS.accepted
    }
    if (command !== 'explain') throw new TokenUsageError(`there is no command ${command}`)
    const explanation = await explainInput(given, withEnvironment(options, given.environment))
    out(options.json === true ? `${JSON.stringify(explanation, null, 2)}\n` : tokenExplanationText(explanation))
    return TOKEN_COMMAND_EXITS[explanation.outcome]
  } catch (cause) {
    error(`${call}: ${messageWithCause(cause)}\nSee: ${call} --help\n`)
    return TOKEN_COMMAND_EXITS.usage
  }
}

async function explainInput(
  { input, dispatcher: own, clock = Date.now }: TokenCommandCall,
  options: TokenOptions
): Promise<TokenExplanation> {
  const agent = own === undefined ? openAgent(options.ca) : null
  const dispatcher = own ?? agent ?? undefined
  const opened = (options.issuer ?? []).map(issuer => openExplainedIssuer(issuer, options, { dispatcher, clock }))
  try {
    const token = (await readBody(inputBytes(input), MAX_INPUT_BYTES, new AbortController().signal))
      .toString('utf8')
      .trim()
    if (token === '') throw new TokenUsageError('no token on the input')
    return await explainToken(token.replace(/^Bearer /i, ''), { issuers: opened.map(({ trust }) => trust), clock })
  } finally {
    await Promise.all(opened.map(async ({ close }) => await close()))
    await agent?.close()
  }
}

/** The sources of an issuer as the plugin opens them, for one token. */
function openExplainedIssuer(
  issuer: string,
  options: TokenOptions,
  { dispatcher, clock }: { readonly dispatcher: Dispatcher | undefined; readonly clock: Clock }
) {
  const log = (): void => {}
  const connection = { clock, log, ...defined({ dispatcher }) }
  const discovery = createIssuerDiscovery({ issuer, metadataUri: options['metadata-uri'], dispatcher, clock })
  const jwksUri = options['jwks-uri'] ?? (async () => await discoveredJwksUri(discovery))
  const keys = createJwksKeySource({ issuer, jwksUri, ...connection })
  const status =
    options['jwks-uri'] !== undefined
      ? undefined
      : createPublishedStatusLists({
          discovery,
          connection: { timeoutMs: FETCH_TIMEOUT_MS, ...defined({ dispatcher }) },
          clock,
          log,
          open: allowedUris => createStatusListSource({ issuer, keys, allowedUris, ...connection })
        })
  const { profile, algorithm, audience = '' } = options
  const tolerance = options['tolerance-seconds']
  const trust: TrustedIssuerOptions = {
    issuer,
    audience,
    keys,
    ...defined({ status }),
    ...(isProfileName(profile) && { profile }),
    ...(algorithm !== undefined && { algorithms: algorithm }),
    ...(tolerance !== undefined && { clockToleranceSeconds: Number(tolerance) })
  }
  return { trust, close: async () => await Promise.all([keys.close(), status?.close()]) }
}

function openAgent(ca: string | undefined): Agent {
  return new Agent(ca === undefined ? {} : { connect: { ca: readFileSync(ca, 'utf8') } })
}

async function* inputBytes(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const part of input) yield typeof part === 'string' ? Buffer.from(part) : part
}

function parseTokenOptions(args: readonly string[]): TokenOptions {
  try {
    return parseArgs({ args: [...args], options: TOKEN_COMMAND_OPTIONS, strict: true, allowPositionals: false }).values
  } catch (cause) {
    throw new TokenUsageError(cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : 'wrong options')
  }
}

/** What is not given as an option is what the processes of the project are told. */
function withEnvironment(options: TokenOptions, environment: TokenCommandCall['environment']): TokenOptions {
  const { SALLYPORT_ISSUER, SALLYPORT_AUDIENCE, SALLYPORT_TOKEN_PROFILE, SALLYPORT_TLS_CA_PATH } = environment
  const whole: TokenOptions = {
    ...options,
    ...defined({
      issuer: options.issuer ?? (SALLYPORT_ISSUER === undefined ? undefined : [SALLYPORT_ISSUER]),
      audience: options.audience ?? SALLYPORT_AUDIENCE,
      profile: options.profile ?? SALLYPORT_TOKEN_PROFILE,
      ca: options.ca ?? SALLYPORT_TLS_CA_PATH
    })
  }
  const missing = (['issuer', 'audience'] as const).filter(name => whole[name] === undefined)
  if (missing.length > 0) throw new TokenUsageError(`missing: ${missing.map(name => `--${name}`).join(', ')}`)
  if (whole.profile !== undefined && !isProfileName(whole.profile)) {
    throw new TokenUsageError(`--profile is one of ${PROFILE_NAMES.join(', ')}`)
  }
  return whole
}

function tokenExplanationText({ outcome, checks }: TokenExplanation): string {
  const width = Math.max(...checks.map(({ check }) => check.length))
  const lines = checks.map(({ check, outcome: end, reason, found, wants }) => {
    const detail = [...(reason === null ? [] : [reason]), ...(end === 'not-reached' || found === null ? [] : [found])]
    const wanted = end === 'pass' || end === 'not-reached' ? '' : `; wanted: ${wants}`
    return `${check.padEnd(width)}  ${end.padEnd(11)}  ${detail.join(': ')}${wanted}`.trimEnd()
  })
  return `${[...lines, '', outcome].join('\n')}\n`
}

function usageText(call: string): string {
  return `${call} explain --issuer <url> --audience <name> [options] < token

Says what each check of a verifier says of the token on the input, and never prints it.

  --issuer <url>             whose tokens are taken; several times for several
  --audience <name>          the service that they are for
  --profile <name>           ${PROFILE_NAMES.join(', ')}
  --algorithm <name>         an algorithm that is accepted; several times for several
  --tolerance-seconds <n>    difference of clocks that is allowed
  --jwks-uri <url>           where the keys are, when the metadata of the issuer does not say so
  --metadata-uri <url>       where the metadata is, when it is not where the standards have it
  --ca <file>                the authority of the issuer's certificate
  --json                     for programs

SALLYPORT_ISSUER, SALLYPORT_AUDIENCE, SALLYPORT_TOKEN_PROFILE and SALLYPORT_TLS_CA_PATH stand for options left out.
Exit code: 0 accepted, 1 refused, 2 a wrong call, 3 nobody can tell now.
`
}
