// node deploy/create-service/main.mjs <name>: the same as the executable of the package, from the sources. A Node that
// cannot run those is told so in a line.
import { createRequire } from 'node:module'

const { engines } = createRequire(import.meta.url)('./package.json')
const { node: version } = process.versions
const [major, minor] = engines.node.match(/\d+/g).map(Number)
const [ownMajor, ownMinor] = version.split('.').map(Number)
if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
  console.error(`create-service needs Node ${major}.${minor} or later, and this is Node ${version}`)
  process.exitCode = 1
} else {
  const { runCreateService } = await import('./src/index.ts')
  process.exitCode = runCreateService(process.argv.slice(2), { directory: process.cwd(), print: console.log })
}
