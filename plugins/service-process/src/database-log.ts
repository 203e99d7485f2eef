/**
 * The option `log` for knex. By default knex prints its warnings on stdout, between the lines of the log or into the
 * output of a command; here their first line goes to stderr. A failure to get a connection is left out, because its
 * caller gets a rejection.
 */
export const databaseLog: { readonly warn: (message: unknown) => void } = Object.freeze({
  warn: (message: unknown) => {
    const [line = ''] = String(message).split('\n')
    if (!line.startsWith('Acquire connection error')) process.stderr.write(`database: ${line}\n`)
  }
})
