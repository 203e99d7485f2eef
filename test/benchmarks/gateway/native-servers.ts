import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Answers as the services do: small JSON. */
const BODY = JSON.stringify({ id: '1', state: 'accepted', items: [{ name: 'Soup', quantity: 2 }], total: '18.40' })

const nginx = (directory: string, name: string, http: string): string[] => {
  const file = join(directory, `${name}.conf`)
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${directory}/${name}.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; default_type application/json; server_tokens off;
  client_body_temp_path ${directory}/${name}-body; proxy_temp_path ${directory}/${name}-proxy;
  fastcgi_temp_path ${directory}/${name}-fastcgi; uwsgi_temp_path ${directory}/${name}-uwsgi;
  scgi_temp_path ${directory}/${name}-scgi;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  ${http}
}
`
  )
  return ['nginx', '-c', file, '-e', 'stderr']
}

/** The command of the service behind the candidates, on a port with and a port without TLS. It takes spans, too. */
export function upstreamCommand(
  directory: string,
  { plain, tls, certificate, key }: { plain: number; tls: number; certificate: string; key: string }
): string[] {
  writeFileSync(join(directory, 'upstream.crt'), certificate)
  writeFileSync(join(directory, 'upstream.key'), key, { mode: 0o600 })
  return nginx(
    directory,
    'upstream',
    `server {
    listen 127.0.0.1:${plain} backlog=1024; listen 127.0.0.1:${tls} ssl;
    ssl_certificate ${directory}/upstream.crt; ssl_certificate_key ${directory}/upstream.key;
    location / { return 200 '${BODY}'; }
    location = /v1/traces { client_max_body_size 16m; return 200 '{}'; }
  }`
  )
}

/** nginx as a plain proxy: it checks nothing. */
export function nginxCommand(directory: string, port: number, upstreamPort: number): string[] {
  return nginx(
    directory,
    'proxy',
    `upstream service { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ''; }
  }`
  )
}

/** HAProxy that verifies the signature, the issuer, the audience and the expiry of an RS256 token. */
export function haproxyCommand(
  directory: string,
  {
    port,
    upstreamPort,
    publicKey,
    issuer,
    audience
  }: Record<'port' | 'upstreamPort', number> & Record<'publicKey' | 'issuer' | 'audience', string>
): string[] {
  const file = join(directory, 'haproxy.cfg')
  const keyFile = join(directory, 'rs256.pem')
  writeFileSync(keyFile, publicKey)
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend edge
  bind 127.0.0.1:${port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.aud) -m str ${audience} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${keyFile}") -m int 1 }
  default_backend service
backend service
  server one 127.0.0.1:${upstreamPort}
`
  )
  return ['haproxy', '-db', '-q', '-f', file]
}
