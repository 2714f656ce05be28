// @ts-check
// Makes one module of zxcvbn-ts for the extension's passphrase meter: node zxcvbn.mjs FILE.
//
// The library's own bundle is a classic script that hangs itself onto `this`; its list of common passwords is far longer
// than a meter needs that tells "first guess" from "fine".
import { readFile, writeFile } from 'node:fs/promises';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';

/** The list is sorted by how often a password leaked: what comes later is no longer anyone's first guess. */
const COMMON = 5000;

const bundle = new URL('node_modules/@zxcvbn-ts/core/dist/zxcvbn-ts.js', import.meta.url);
const [core, license] = await Promise.all([
  readFile(bundle, 'utf8'),
  readFile(new URL('node_modules/@zxcvbn-ts/core/LICENSE.txt', import.meta.url), 'utf8'),
]);
const { qwerty, qwertz, keypad } = adjacencyGraphs;
const passwords = dictionary['passwords-common'].slice(0, COMMON).join(' ');
const words = dictionary['diceware-common'].join(' ');
const bare = core.replace(/^\s*\/\/.*$\n?/gm, '').replace(/^[ ]+/gm, '');

await writeFile(
  process.argv[2],
  `/* zxcvbn-ts, https://github.com/zxcvbn-ts/zxcvbn
${license.trim()} */
const holder = {};
(function () {
${bare}
}).call(holder);
const factory = new holder.zxcvbnts.core.ZxcvbnFactory({
dictionary: {
passwords: ${JSON.stringify(passwords)}.split(' '),
words: ${JSON.stringify(words)}.split(' '),
},
graphs: ${JSON.stringify({ qwerty, qwertz, keypad })},
});
/** From 0, guessed at once, to 4. */
export const score = (typed) => factory.check(typed).score;
`,
);
