/** The proxies that the gateway is measured beside, from Debian, each on one thread, and the upstream behind all. */
import { mkdir, writeFile } from "node:fs/promises";
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

type MakeProxy = (folder: string, port: number, upstreamPort: number) => Promise<Program>;

const FORWARDED =
  "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;";

export const PEERS: Readonly<Record<string, MakeProxy>> = {
  nginx: (folder, port, upstreamPort) =>
    nginx(
      folder,
      `upstream u { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://u; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_set_header Host $http_host; ${FORWARDED} } }`,
    ),

  haproxy: async (folder, port, upstreamPort) => {
    await mkdir(folder, { recursive: true });
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
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend b
backend b
  server s 127.0.0.1:${upstreamPort}
`,
    );
    return { command: "haproxy", args: ["-db", "-q", "-f", path] };
  },

  caddy: async (folder, port, upstreamPort) => {
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
http://127.0.0.1:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstreamPort}
}
`,
    );
    const env = { GOMAXPROCS: "1", XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    return { command: "caddy", args: ["run", "--adapter", "caddyfile", "--config", path], env };
  },
};
