/**
 * The proxies that the gateway is measured beside, from Debian, each on one thread, and the upstream behind all. Each has
 * what ours has: an access log with the same facts, X-Forwarded-For, an id for each request, 64 kept connections to the
 * upstream, a cache of TLS sessions, the same timeouts.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Program } from "./gateway-processes.ts";

const NGINX_PATHS = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((name) => `${name}_temp_path tmp_${name};`)
  .join(" ");
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

async function nginx(folder: string, http: string, rest = ""): Promise<Program> {
  await mkdir(folder, { recursive: true });
  const text = `${rest === "" ? "" : `load_module ${STREAM_MODULE};`}
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http { ${NGINX_PATHS} keepalive_requests 100000000; keepalive_timeout 60s; tcp_nodelay on; sendfile on;
${http}
}
${rest}
`;
  await writeFile(join(folder, "nginx.conf"), text);
  return { command: "nginx", args: ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"] };
}

/** Answers `/64k` and `/10m` from files, anything else with a small body from memory. */
export async function upstreamProgram(folder: string, port: number): Promise<Program> {
  const root = join(folder, "root");
  await mkdir(root, { recursive: true });
  await writeFile(join(root, "64k"), Buffer.alloc(64 * 1024, "x"));
  await writeFile(join(root, "10m"), Buffer.alloc(10 * 1024 * 1024, "x"));
  return nginx(
    folder,
    `access_log off; open_file_cache max=10; server { listen 127.0.0.1:${port} backlog=4096; root ${root};
location / { return 200 "${"x".repeat(128)}"; } location = /64k {} location = /10m {} }`,
  );
}

/** Where a proxy listens, and asks. */
export interface Ports {
  readonly plain: number;
  /** With the certificate of the fixtures. */
  readonly tls: number;
  /** Passes bytes on; not for all. */
  readonly tcp: number;
  readonly upstream: number;
}

const TLS_FOLDER = join(import.meta.dirname, "../../../fixtures/gateway/tls");
export const CERTIFICATE = join(TLS_FOLDER, "certificate.pem");
export const KEY = join(TLS_FOLDER, "key.pem");
const CERTIFICATE_NAME = "upstream.example";

const NGINX_LOG = `log_format facts escape=json '{"time":"$time_iso8601","id":"$request_id","method":"$request_method","host":"$host",'
'"path":"$uri","status":$status,"in":$request_length,"out":$bytes_sent,"seconds":$request_time,'
'"upstream_seconds":"$upstream_response_time","upstream":"$upstream_addr","client":"$remote_addr",'
'"protocol":"$server_protocol","tls":"$ssl_protocol"}';
access_log access.log facts buffer=64k flush=1s;`;
const NGINX_FORWARDED =
  'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;' +
  "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;" +
  "proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-Id $request_id;";
const NGINX_STREAM_LOG =
  "log_format facts '$remote_addr $time_iso8601 $protocol $status $bytes_sent $bytes_received $session_time';" +
  "access_log tcp.log facts buffer=64k flush=1s;";

function nginxProxy(buffers: string): MakeProxy {
  return (folder, { plain, tls, tcp, upstream }) =>
    nginx(
      folder,
      `${NGINX_LOG} ${buffers}
client_header_timeout 10s; client_body_timeout 60s; send_timeout 60s; proxy_connect_timeout 5s; proxy_read_timeout 60s;
upstream u { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
server { listen 127.0.0.1:${plain} backlog=4096; listen 127.0.0.1:${tls} ssl http2 backlog=4096; http2_max_concurrent_streams 128;
ssl_certificate ${CERTIFICATE}; ssl_certificate_key ${KEY}; ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:sessions:10m; ssl_session_timeout 1d;
location / { proxy_pass http://u; ${NGINX_FORWARDED} } }`,
      `stream { ${NGINX_STREAM_LOG} server { listen 127.0.0.1:${tcp} backlog=4096; proxy_connect_timeout 5s; proxy_pass 127.0.0.1:${upstream}; } }`,
    );
}

async function haproxy(folder: string, { plain, tls, tcp, upstream }: Ports): Promise<Program> {
  await mkdir(folder, { recursive: true });
  const both = join(folder, "both.pem");
  await writeFile(both, (await readFile(CERTIFICATE, "utf8")) + (await readFile(KEY, "utf8")));
  const path = join(folder, "haproxy.cfg");
  // It writes no log to files; a ring in its memory takes the lines, which costs it less than a file would.
  const text = `global
  nbthread 1
  maxconn 4096
  log ring@access format raw local0
ring access
  format raw
  maxlen 2048
  size 1048576
defaults
  log global
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
frontend web
  mode http
  option httplog
  option forwardfor
  bind 127.0.0.1:${plain} backlog 4096
  bind 127.0.0.1:${tls} backlog 4096 ssl crt ${both} ssl-min-ver TLSv1.2 alpn h2,http/1.1
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend upstream
backend upstream
  mode http
  http-reuse always
  server s 127.0.0.1:${upstream} pool-max-conn 64
listen tcp
  mode tcp
  option tcplog
  option splice-auto
  bind 127.0.0.1:${tcp} backlog 4096
  server s 127.0.0.1:${upstream}
`;
  await writeFile(path, text);
  return { command: "haproxy", args: ["-db", "-q", "-f", path] };
}

async function caddy(folder: string, { plain, tls, upstream }: Ports): Promise<Program> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "Caddyfile");
  const site = `
  bind 127.0.0.1
  log {
    output file ${join(folder, "access.log")} {
      roll_disabled
    }
    format json
  }
  reverse_proxy 127.0.0.1:${upstream} {
    header_up X-Request-Id {http.request.uuid}
    transport http {
      keepalive_idle_conns 64
      keepalive_idle_conns_per_host 64
      dial_timeout 5s
      response_header_timeout 60s
    }
  }`;
  const text = `{
  admin off
  auto_https off
  default_sni ${CERTIFICATE_NAME}
  log {
    output discard
  }
  servers {
    timeouts {
      read_header 10s
      idle 60s
    }
  }
}
http://:${plain} {${site}
}
https://:${tls} {
  tls ${CERTIFICATE} ${KEY}${site}
}
`;
  await writeFile(path, text);
  const env = { GOMAXPROCS: "1", XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  return { command: "caddy", args: ["run", "--adapter", "caddyfile", "--config", path], env };
}

type MakeProxy = (folder: string, ports: Ports) => Promise<Program>;

export interface Peer {
  readonly command: string;
  readonly make: MakeProxy;
  readonly hasTcp: boolean;
}

export const PEERS: Readonly<Record<string, Peer>> = {
  nginx: { command: "nginx", make: nginxProxy(""), hasTcp: true },
  "nginx-buffers": {
    command: "nginx",
    make: nginxProxy("proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;"),
    hasTcp: false,
  },
  haproxy: { command: "haproxy", make: haproxy, hasTcp: true },
  caddy: { command: "caddy", make: caddy, hasTcp: false },
};
