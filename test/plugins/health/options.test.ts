import health, { type HealthOptions } from '@sallyport/health'
import Fastify from 'fastify'
import t from 'tap'

const boot = async (options: HealthOptions): Promise<void> => {
  const app = Fastify()
  await app.register(health, options)
  await app.close()
}

t.test('plain HTTP is for loopback addresses only', async t => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    await t.resolves(boot({ listener: { host, port: 0 } }), host)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'example.com', '128.0.0.1', '']) {
    await t.rejects(
      boot({ listener: { host, port: 0 } }),
      { code: 'SALLYPORT_HEALTH_OPTIONS_INVALID', message: /listener\.host/ },
      host
    )
  }
  await t.resolves(boot({ listener: { host: '0.0.0.0', port: 0, https: {} } }), 'with TLS any address')
})

t.test('every boot mistake is named at once', async t => {
  await t.rejects(
    boot({
      listener: { host: '0.0.0.0', port: -1 },
      checkTimeoutMs: 0,
      checks: { database: 'yes' as never },
      pressure: { maxHeapUsedBytes: 0, maxRssBytes: NaN, maxEventLoopUtilization: 2, retryAfterSeconds: -1 }
    }),
    {
      code: 'SALLYPORT_HEALTH_OPTIONS_INVALID',
      message:
        /listener\.port .*listener\.host .*checks\.database .*checkTimeoutMs .*pressure\.maxEventLoopUtilization .*pressure\.maxHeapUsedBytes .*pressure\.maxRssBytes .*pressure\.retryAfterSeconds /
    }
  )
})
