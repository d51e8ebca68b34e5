import { hasProgram, type RunningProxy, startProxy } from "./proxy.ts";

const command = process.env["HAPROXY_PATH"] ?? "haproxy";

export const hasHaproxy = hasProgram(command, "-v");

/**
 * HAProxy in front of the service at this URL.
 * @param settings its configuration, with these addresses; default: the time-outs of its manual's first example
 */
export function startHaproxy(
  upstream: string,
  settings: (address: string, upstream: string) => string = defaults,
): Promise<RunningProxy> {
  return startProxy({
    command,
    args: (file) => ["-db", "-f", file],
    configuration: (_, port) => settings(`127.0.0.1:${port}`, new URL(upstream).host),
  });
}

const defaults = (address: string, upstream: string) => `
      defaults
        mode http
        timeout connect 5s
        timeout client 50s
        timeout server 50s
      listen service
        bind ${address}
        server upstream ${upstream}
`;
