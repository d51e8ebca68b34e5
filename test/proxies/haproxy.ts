import { hasProgram, type RunningProxy, startProxy } from "./proxy.ts";

const command = process.env["HAPROXY_PATH"] ?? "haproxy";

export const hasHaproxy = hasProgram(command, "-v");

/** HAProxy with the time-outs of its manual's first example, in front of the service at this URL. */
export function startHaproxy(upstream: string): Promise<RunningProxy> {
  return startProxy({
    command,
    args: (file) => ["-db", "-f", file],
    configuration: (_, port) => `
      defaults
        mode http
        timeout connect 5s
        timeout client 50s
        timeout server 50s
      listen service
        bind 127.0.0.1:${port}
        server upstream ${new URL(upstream).host}
`,
  });
}
