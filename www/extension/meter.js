// @ts-check
// How soon a passphrase would be guessed. The library is loaded with the first one that is typed, not with the page.

/** Longer ones are no weaker, and the time that the library takes grows with the length. */
const LONGEST = 100;

/** @type {Promise<{ score: (typed: string) => number }> | undefined} */
let library;

/**
 * From 0, guessed at once, to 4.
 * @param {string} typed
 */
export async function strength(typed) {
  // @ts-ignore made by `cargo xtask build`
  library ??= import('./zxcvbn.js');
  const { score } = await library;
  return score(typed.slice(0, LONGEST));
}
