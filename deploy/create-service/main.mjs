// node deploy/create-service/main.ts <name>: the same as the executable of the package, from the sources.
import { runCreateService } from './src/index.ts'

process.exitCode = runCreateService(process.argv.slice(2), { directory: process.cwd(), print: console.log })
