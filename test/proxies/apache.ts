import { hasProgram, type RunningProxy, startProxy } from "./proxy.ts";

const command = process.env["APACHE_PATH"] ?? "apache2";
const modules = "/usr/lib/apache2/modules";

export const hasApache = hasProgram(command, "-v");

/**
 * Apache's mod_proxy_http in front of the service at this URL.
 * @param settings of the proxy; default: its own
 */
export function startApache(upstream: string, settings = `ProxyPass / ${upstream}/`): Promise<RunningProxy> {
  return startProxy({
    command,
    args: (file) => ["-X", "-f", file],
    configuration: (folder, port) => `
      ServerName localhost
      ServerRoot ${folder}
      Listen 127.0.0.1:${port}
      PidFile ${folder}/pid
      Mutex pthread
      ErrorLog ${folder}/error.log
      LoadModule mpm_event_module ${modules}/mod_mpm_event.so
      LoadModule authz_core_module ${modules}/mod_authz_core.so
      LoadModule proxy_module ${modules}/mod_proxy.so
      LoadModule proxy_http_module ${modules}/mod_proxy_http.so
      User nobody
      Group nogroup
      ${settings}
    `,
  });
}
