import type { MonotonicMs } from '../core/time.ts';

export interface Task {
  readonly at: MonotonicMs;
  /** Tasks of one instant run in the order in which they were asked for. */
  readonly order: number;
  /** Gone once it was called off. */
  run: (() => void) | undefined;
}

/** Tasks by time: a binary heap. A task that was called off stays until its time comes; that is cheaper than to find it. */
export class TaskQueue {
  readonly #heap: Task[] = [];

  push(task: Task): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(task);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above]!;
      if (before(parent, task)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = task;
  }

  /** The next task that was not called off, taken out. */
  pop(): Task | undefined {
    for (;;) {
      const first = this.#take();
      if (!first || first.run) return first;
    }
  }

  /** How many tasks still wait. */
  count(): number {
    return this.#heap.reduce((sum, task) => sum + (task.run ? 1 : 0), 0);
  }

  #take(): Task | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last && heap.length > 0) this.#sinkFromTop(last);
    return first;
  }

  #sinkFromTop(task: Task): void {
    const heap = this.#heap;
    const size = heap.length;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && before(heap[below + 1]!, heap[below]!)) below++;
      const child = heap[below]!;
      if (before(task, child)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = task;
  }
}

function before(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
