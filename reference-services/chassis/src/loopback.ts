const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost']

/** Whether only this machine can reach a listener on this host: the one place where plain HTTP is allowed. */
export function isLoopback (host: string): boolean {
  return LOOPBACK.includes(host)
}
