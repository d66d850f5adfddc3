/** The proxies that the gateway is measured beside, from Debian, each on one thread, and the upstream behind all. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const NGINX_START =
  "daemon off; master_process off; pid nginx.pid; error_log stderr crit;\nevents { worker_connections 4096; }\n";
const NGINX_PATHS = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((name) => `${name}_temp_path tmp_${name};`)
  .join(" ");

async function nginx(folder: string, http: string): Promise<Program> {
  await mkdir(folder, { recursive: true });
  const text = `${NGINX_START}http { access_log off; ${NGINX_PATHS} keepalive_requests 100000000; tcp_nodelay on; sendfile on;\n${http}\n}\n`;
  await writeFile(join(folder, "nginx.conf"), text);
  return { command: "nginx", args: ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"] };
}

/** Answers `/small` from memory, other paths from files. */
export async function upstreamProgram(folder: string, port: number): Promise<Program> {
  const root = join(folder, "root");
  await mkdir(root, { recursive: true });
  await writeFile(join(root, "64k"), Buffer.alloc(64 * 1024, "x"));
  await writeFile(join(root, "1m"), Buffer.alloc(1024 * 1024, "x"));
  return nginx(
    folder,
    `open_file_cache max=10; server { listen 127.0.0.1:${port} backlog=4096; root ${root}; location = /small { return 200 "${"x".repeat(128)}"; } }`,
  );
}

/** Where a proxy listens, and asks. */
export interface Ports {
  readonly plain: number;
  /** With the certificate of the fixtures; not for all. */
  readonly tls: number;
  readonly upstream: number;
}

type MakeProxy = (folder: string, ports: Ports) => Promise<Program>;

const TLS_FOLDER = join(import.meta.dirname, "../../../fixtures/gateway/tls");
export const CERTIFICATE = join(TLS_FOLDER, "certificate.pem");
export const KEY = join(TLS_FOLDER, "key.pem");

const FORWARDED =
  "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;";

/** Those that also listen for TLS here. */
export const TLS_PEERS: readonly string[] = ["nginx", "haproxy"];

export const PEERS: Readonly<Record<string, MakeProxy>> = {
  nginx: (folder, { plain, tls, upstream }) =>
    nginx(
      folder,
      `upstream u { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 100000000; }
server { listen 127.0.0.1:${plain} backlog=4096; listen 127.0.0.1:${tls} ssl backlog=4096;
ssl_certificate ${CERTIFICATE}; ssl_certificate_key ${KEY}; ssl_protocols TLSv1.3; location / { proxy_pass http://u; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_set_header Host $http_host; ${FORWARDED} } }`,
    ),

  haproxy: async (folder, { plain, tls, upstream }) => {
    await mkdir(folder, { recursive: true });
    const both = join(folder, "both.pem");
    await writeFile(both, (await readFile(CERTIFICATE, "utf8")) + (await readFile(KEY, "utf8")));
    const path = join(folder, "haproxy.cfg");
    await writeFile(
      path,
      `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:${plain}
  bind 127.0.0.1:${tls} ssl crt ${both} ssl-min-ver TLSv1.3
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend b
backend b
  server s 127.0.0.1:${upstream}
`,
    );
    return { command: "haproxy", args: ["-db", "-q", "-f", path] };
  },

  caddy: async (folder, { plain, upstream }) => {
    await mkdir(folder, { recursive: true });
    const path = join(folder, "Caddyfile");
    await writeFile(
      path,
      `{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://127.0.0.1:${plain} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstream}
}
`,
    );
    const env = { GOMAXPROCS: "1", XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    return { command: "caddy", args: ["run", "--adapter", "caddyfile", "--config", path], env };
  },
};
