export { runCreateService, type GeneratorSurroundings } from './run-create-service.ts'
