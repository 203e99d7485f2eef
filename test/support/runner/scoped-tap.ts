// Stands in for `tap` in a file that shares its process: see run-files.ts.
import { scopeOf } from './run-files.ts'

export default scopeOf(new URL(import.meta.url).searchParams.get('file') ?? '')
