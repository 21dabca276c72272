/** Reads JSON as callers write it: what Python puts where JSON has no number is kept, to be refused at its path. */

/** Texts stand first in the choice, so that a NaN inside one is left alone. */
const TEXT_OR_NO_NUMBER = /"(?:[^"\\]|\\.)*"|(?<![\w.])(?:NaN|-?Infinity)(?![\w.])/g;

/** The value in `text`, with NaN and Infinity as texts of that name. Throws SyntaxError when it is no JSON otherwise. */
export function parseRequestJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const mended = text.replaceAll(TEXT_OR_NO_NUMBER, (found) => (found.startsWith('"') ? found : `"${found}"`));
    if (mended === text) throw error;
    return JSON.parse(mended);
  }
}
