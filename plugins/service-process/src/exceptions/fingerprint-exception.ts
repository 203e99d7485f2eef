import { createHash } from 'node:crypto'
import { errorCode } from '@sallyport/security-context/mechanics'
import { errorText, stackLines } from './stack-lines.ts'

const FINGERPRINT_LENGTH = 16
/** Frames that count: what is further out is how a request got there, and the same for everything. */
const MOST_FRAMES = 5
const LONGEST_MESSAGE = 200
const LONGEST_ERROR_NAME = 128
const MODULES = '/node_modules/'

/**
 * The same for every occurrence of one failure: the kind of the error, its code, and the functions that it went
 * through. Lines and columns do not count, so that neither an edit nor a new release of a dependency makes an old
 * failure a new one; of a dependency only its name counts. The message counts only where there is no stack, without
 * what differs from one time to the next.
 */
export function fingerprintException(error: unknown): string {
  const frames = stackFrames(error)
  const place = frames.length > 0 ? frames : [messageShape(error)]
  const parts = [errorName(error), errorCode(error) ?? '', ...place]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, FINGERPRINT_LENGTH)
}

/** `TypeError`; `string` for a text that was thrown. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const name: unknown = error.name
  return typeof name === 'string' ? name.slice(0, LONGEST_ERROR_NAME) : 'Error'
}

function stackFrames(error: unknown): string[] {
  return stackLines(error)
    .filter(line => !line.includes('node:'))
    .map(placeOfFrame)
    .filter((frame, index, all) => frame !== all[index - 1])
    .slice(0, MOST_FRAMES)
}

/** `function file` of `function (file:line:column)`, or of `file:line:column` alone. */
function placeOfFrame(frame: string): string {
  const open = frame.lastIndexOf(' (')
  const calledAs = open === -1 ? '' : frame.slice(0, open)
  const place = open === -1 ? frame : frame.slice(open + 2, -1)
  const file = place.replace(/:\d+:\d+$/, '')
  const modules = file.lastIndexOf(MODULES)
  if (modules === -1) return `${calledAs} ${ownFile(file)}`
  const [scope = '', name = ''] = file.slice(modules + MODULES.length).split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

/** Without the folder that it was installed in. */
function ownFile(file: string): string {
  return file.split('/').slice(-3).join('/')
}

/** A message without ids, numbers and quoted values. */
function messageShape(error: unknown): string {
  return errorText(error)
    .slice(0, LONGEST_MESSAGE)
    .split(/[\s,;:()[\]]/)
    .map(word => (/[\d"'`]|@/.test(word) ? '?' : word))
    .join(' ')
}
