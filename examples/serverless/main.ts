import { createDaoServices, openDatabase } from "@flux/dao-core";

// The platform's part: it loads the function with the first request.
await using database = await openDatabase(process.env["DATABASE_URL"]);
await database.migrate();
const { users } = createDaoServices(database);
const { id } = await users.createUser({ name: "Jane", email: `jane+${Date.now()}@example.com` });
const { default: handler } = await import("./function.ts");
const response = await handler(new Request(`http://function/?user_id=${id}`));
console.log(response.status, await response.json());
process.exit();
