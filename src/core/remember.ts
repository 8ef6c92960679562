/** Makes each thing once, for as long as the function given back is kept: for what one document asks again and again. */
export function remembering<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const before = made.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/** The same of so many at most: when they are, all are forgotten and made anew. */
export function rememberingUpTo<K, V>(most: number, make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const before = made.get(key);
    if (before !== undefined) return before;
    if (made.size >= most) made.clear();
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/**
 * The same for what is asked for in the same order again and again, as every profile of a document says the same instants: to
 * compare a text with the one that is expected takes less than to look it up.
 */
export function rememberingInTurn<V>(make: (key: string) => V): (key: string) => V {
  const remembered = remembering(make);
  const turn: { readonly key: string; readonly value: V }[] = [];
  let at = 0;
  return (key) => {
    if (turn[at]?.key !== key && turn[0]?.key === key) at = 0;
    const expected = turn[at];
    if (expected?.key === key) {
      at += 1;
      return expected.value;
    }
    const value = remembered(key);
    if (!expected) {
      turn.push({ key, value });
      at += 1;
    }
    return value;
  };
}
