/**
 * The result of `work`, or a rejection with code `ETIMEDOUT` once `timeoutMs` have passed. The work itself goes on, so
 * whoever starts work that takes part in a queue or holds a connection also ends it.
 * @param timeoutMs in ms
 */
export async function withDeadline<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
    }, timeoutMs)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
