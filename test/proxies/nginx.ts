import { hasProgram, type RunningProxy, startProxy } from "./proxy.ts";

const command = process.env["NGINX_PATH"] ?? "nginx";

export const hasNginx = hasProgram(command, "-v");

/**
 * An nginx with nothing configured but what the test needs.
 * @param settings the contents of its `server` block
 */
export function startNginx(settings: string): Promise<RunningProxy> {
  return startProxy({
    command,
    args: (file, folder) => ["-e", `${folder}/error.log`, "-c", file],
    configuration: (folder, port) => {
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
        http { access_log off; ${paths.join(" ")} server { listen 127.0.0.1:${port}; ${settings} } }`;
    },
  });
}
