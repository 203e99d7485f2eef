// The first import of every process: on a Node that is too old it ends with one line instead of a stack.
import { nodeVersionMistake } from '@sallyport/security-context/mechanics'

const mistake = nodeVersionMistake(process.versions.node)
if (mistake !== null) {
  process.stderr.write(`${mistake}\n`)
  process.exit(1)
}
