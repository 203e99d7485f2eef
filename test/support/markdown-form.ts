/** The widest line of prose, as in the source. */
const WIDTH = 120

/** Longer cells are prose: they belong below the table. */
const CELL = 300

/**
 * What is wrong with the form of a Markdown page, as `line: what`. Code may be as wide as it needs. A table row cannot
 * be broken, so its cells are short instead, not counting links. One long word, such as an address, passes.
 */
export function markdownMistakes(text: string): string[] {
  const mistakes: string[] = []
  let inCode = false
  for (const [index, line] of text.split('\n').entries()) {
    const at = `line ${index + 1}`
    if (/^\s*(```|~~~)/.test(line)) inCode = !inCode
    else if (inCode) continue
    else if (line.startsWith('|')) {
      const prose = line.replace(/\[[^\]]*\]\([^)]*\)/g, '')
      const longest = Math.max(...prose.split(/(?<!\\)\|/).map(cell => cell.trim().length))
      if (longest >= CELL) mistakes.push(`${at}: a table cell of ${longest} characters, fewer than ${CELL} are allowed`)
    } else if (line.length > WIDTH && /\s/.test(line.trim().replace(/^([-*>]|\d+\.)\s+/, ''))) {
      mistakes.push(`${at}: ${line.length} columns, ${WIDTH} are allowed`)
    }
  }
  return mistakes
}
