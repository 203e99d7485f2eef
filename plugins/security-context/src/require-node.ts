// The first import of every package of ours: what a newer dependency says on an old Node helps nobody.
import { nodeVersionMistake } from './mechanics/node-version.ts'

const mistake = nodeVersionMistake(process.versions.node)
if (mistake !== null) throw Object.assign(new Error(mistake), { code: 'SALLYPORT_NODE_TOO_OLD' })
