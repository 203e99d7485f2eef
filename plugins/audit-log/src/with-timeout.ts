/**
 * The result of `work`, or a rejection once `timeoutMs` have passed. The work itself goes on: what it writes late is
 * the row of an attempt that was not acknowledged.
 */
export async function withTimeout<Result> (work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${timeoutMs} ms`)) }, timeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
