const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

function callListeners(this: AbortSignal): void {
  for (const listener of listenersOf.get(this) ?? []) listener();
}

/** Calls `listener` at an abort; returns a function that stops it. One listener per signal: Node.js warns of more than ten. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listeners = listenersOf.get(signal) ?? new Set();
  listenersOf.set(signal, listeners);
  if (listeners.size === 0) signal.addEventListener("abort", callListeners, { once: true });
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) signal.removeEventListener("abort", callListeners);
  };
}

/** @throws the signal's reason */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      stopListening?.();
      if (signal?.aborted === true) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const stopListening = signal && onAbort(signal, end);
    if (signal?.aborted === true) end();
  });
}
