/**
 * The option `log` for knex, which by itself prints its warnings on stdout, between the lines of the log or into what a
 * command line answers: they go to stderr, first line only. That no connection could be had is left out: whoever wanted
 * one is told by a rejection.
 */
export const databaseLog: { readonly warn: (message: unknown) => void } = Object.freeze({
  warn: (message: unknown) => {
    const [line = ''] = String(message).split('\n')
    if (!line.startsWith('Acquire connection error')) process.stderr.write(`database: ${line}\n`)
  }
})
