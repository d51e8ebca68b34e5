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

/** Is notified of how long callers wait for a connection. Must not throw. */
export interface PoolObserver {
  /** A caller has a connection, after so many milliseconds: 0 where one was free. */
  acquired(milliseconds: number): void;
  /** None was free in time for a caller. */
  timedOut(): void;
}

/** A pool of connections, for those who measure it. */
export interface ObservedPool {
  readonly usage: PoolUsage;
  /** Notifies `observer` of every call from now on, and the previous one no more. */
  observe(observer: PoolObserver): void;
}
