/** How a pool of connections is used at one moment. */
export interface PoolUsage {
  /** The most connections that may be open. */
  readonly size: number;
  /** Open connections on which something runs, or which a transaction holds. */
  readonly used: number;
  /** The other open ones. */
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/** Who wants to know how long callers wait for a connection; must not throw. */
export interface PoolObserver {
  /** A caller has a connection, after so many milliseconds: 0 where one was free. */
  acquired(milliseconds: number): void;
  /** A caller was told that none was free in time. */
  timedOut(): void;
}

/** A pool of connections, for those who measure it. */
export interface ObservedPool {
  readonly usage: PoolUsage;
  /** Has `observer` told of every call from now on, in place of the one before. */
  observe(observer: PoolObserver): void;
}
