// Finds what failed in the text of a run: TAP of tests, between the output of other steps.

/** The header that npm prints before a script of the project. */
const STEP = /^> sallyport@\S+ (\S+)$/gm
/** What `npm run verify` prints after each of its steps. */
const ENDED = /^# step (.+) ended with exit code (\d+) after \d+ s$/gm
const LAST_LINES = 30
/** Members of a diagnostic that say the least for their length. */
const LONG_MEMBERS = new Set(['source', 'stack', 'args', 'command', 'stdio', 'cwd', 'externalID'])

/**
 * What failed in one run, as blocks of lines: the first line of a block names it, the others explain it.
 * @param {string} report output of the run
 * @param {string} status exit code of the run
 * @returns {string[][]}
 */
export function failuresIn(report, status) {
  if (status === '0') return failingTests(report)
  const ended = endedSteps(report)
  const failed = ended.length > 0 ? ended.filter(step => step.status !== '0') : [{ ...lastStep(report), status }]
  const silent = failed.filter(({ output }) => failingTests(output).length === 0)
  return [...failingTests(report), ...silent.map(lastLines)]
}

function lastLines({ name, status, output }) {
  const lines = output.trimEnd().split('\n').slice(-LAST_LINES)
  return [`${name} ended with exit code ${status}; its last lines:`, ...lines.map(line => `  ${line}`)]
}

/** The steps of `npm run verify`, whose outputs stand whole one after another. */
function endedSteps(report) {
  const steps = []
  let start = 0
  for (const match of report.matchAll(ENDED)) {
    steps.push({ name: `npm run ${match[1]}`, status: match[2], output: report.slice(start, match.index) })
    start = match.index + match[0].length + 1
  }
  return steps
}

/**
 * The first lines of each block, as many as fit: a block that explains little leaves its lines to the others.
 * @param {string[][]} blocks
 * @param {number} limit lines in total
 * @returns {string[]}
 */
export function boundedLines(blocks, limit) {
  const shown = blocks.slice(0, limit - 1)
  const lines = []
  for (const [index, block] of shown.entries()) {
    const room = Math.floor((limit - 1 - lines.length) / (shown.length - index))
    lines.push(...(block.length > room ? block.slice(0, room) : block))
  }
  const left = blocks.length - shown.length
  return left > 0 ? [...lines, `… and ${left} more failures`] : lines
}

function lastStep(report) {
  const header = [...report.matchAll(STEP)].at(-1)
  return header === undefined
    ? { name: 'the run', output: report }
    : { name: `npm run ${header[1]}`, output: report.slice(header.index) }
}

/** Failing assertions, and subtests that failed without one, such as those that took too long. */
function failingTests(report) {
  const lines = report.split('\n')
  const titles = new Map()
  const failures = []
  let failedDepth = -1
  for (const [index, line] of lines.entries()) {
    const subtest = /^( *)# Subtest: (.*)$/.exec(line)
    if (subtest) titles.set(subtest[1].length, subtest[2])
    const point = /^( *)(not )?ok \d+(?: - (.*))?$/.exec(line)
    if (!point) continue
    const depth = point[1].length
    const failed = point[2] !== undefined && !/ # (?:TODO|SKIP)\b/i.test(line)
    // A subtest comes after its assertions, which have said what failed.
    if (failed && failedDepth <= depth) failures.push(describe(lines, index, depth, titles, point[3] ?? ''))
    if (failed) failedDepth = depth === 0 ? -1 : depth
  }
  return failures
}

function describe(lines, index, depth, titles, title) {
  const above = [...titles].filter(([level]) => level < depth).sort(([a], [b]) => a - b)
  const path = [...above.map(([, name]) => name), title.replace(/ # time=.*$/, '')]
  const file = path.findLastIndex(part => part.endsWith('.ts'))
  return [path.slice(Math.max(file, 0)).join(' › '), ...diagnostic(lines, index + 1, depth + 2)]
}

function diagnostic(lines, start, indentation) {
  const margin = ' '.repeat(indentation)
  if (lines[start] !== `${margin}---`) return []
  const end = lines.indexOf(`${margin}...`, start)
  const members = []
  for (const line of lines.slice(start + 1, end === -1 ? start + 1 + LAST_LINES : end)) {
    const text = line.slice(indentation)
    if (/^\S/.test(text)) members.push([text])
    else members.at(-1)?.push(text)
  }
  const nameOf = member => /^\w+/.exec(member[0])?.[0]
  const told = members.filter(member => !LONG_MEMBERS.has(nameOf(member)))
  // The difference first: it is what a bounded list must not cut.
  return [...told.filter(member => nameOf(member) === 'diff'), ...told.filter(member => nameOf(member) !== 'diff')]
    .flat()
    .map(line => `  ${line}`)
}
