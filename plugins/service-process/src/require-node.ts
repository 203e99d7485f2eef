// The first import of every process: on a Node that is too old it ends with one line instead of a stack.
import { nodeVersionMistake } from '@sallyport/security-context/mechanics'

const nodeTooOld = nodeVersionMistake(process.versions.node)
if (nodeTooOld !== null) {
  process.stderr.write(`${nodeTooOld}\n`)
  process.exit(1)
}
