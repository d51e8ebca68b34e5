import { createInterface } from "node:readline";
import handler from "../../examples/serverless/function.ts";

const now = performance.now.bind(performance);
let frozen = 0;
performance.now = () => now() + frozen;

// What a platform does: a request for each line. `+60000` says that it was frozen for so many milliseconds.
for await (const line of createInterface(process.stdin)) {
  if (line.startsWith("+")) frozen += Number(line);
  else {
    const response = await handler(new Request(`http://function/?user_id=${line}`));
    console.log(response.status, await response.text());
  }
}
process.exit();
