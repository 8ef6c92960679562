interface Waiting {
  readonly enter: () => void;
  readonly reject: (reason: unknown) => void;
}

/** So many at once at one place; the others wait, whoever came first goes first. */
export interface Places {
  one<T>(work: () => Promise<T>): Promise<T>;
  /** Nobody waits any longer: their `one` rejects with the reason. */
  leave(reason: unknown): void;
}

export function createPlaces(most: number): Places {
  let waiting: Waiting[] = [];
  let taken = 0;
  return {
    async one(work) {
      if (taken < most) taken += 1;
      else await new Promise<void>((enter, reject) => waiting.push({ enter, reject }));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next.enter();
        else taken -= 1;
      }
    },
    leave(reason) {
      const left = waiting;
      waiting = [];
      for (const { reject } of left) reject(reason);
    },
  };
}
