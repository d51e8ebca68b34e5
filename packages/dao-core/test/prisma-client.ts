import type { HostPrisma } from "@flux/dao-core";

/** The parts of the generated client that the tests use; the client does not exist when types are checked. */
export interface PrismaModule {
  readonly PrismaPg: new (options: { connectionString: string; max: number }) => object;
  readonly PrismaClient: new (options: { adapter: object }) => PrismaClient;
}

interface PrismaClient extends HostPrisma {
  $connect(): Promise<void>;
  $transaction<Result>(work: (transaction: HostPrisma) => Promise<Result>): Promise<Result>;
  $disconnect(): Promise<void>;
}
