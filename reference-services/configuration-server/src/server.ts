import '@sallyport/service-process/require-node'
import { runService } from '@sallyport/service-process'
import { program } from './program.ts'

await runService({ ...program.definition, environment: process.env })
