/** The words of a text as the index knows them. */

/** Scripts that are written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]+/gu;

/** Each two characters that stand together where there are no spaces: 東京都 → 東京, 京都. A single one is itself. */
export function pairsOf(text: string): string[] {
  return (text.normalize('NFKC').match(UNSPACED) ?? []).flatMap((run) => {
    const characters = [...run];
    return characters.length === 1 ? characters : characters.slice(1).map((c, i) => `${characters[i]}${c}`);
  });
}
