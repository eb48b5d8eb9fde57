/**
 * What in a message its author states as so: clause by clause. What is asked, supposed, quoted, reported or pasted is not
 * stated. Pure.
 */

export type Clause = {
  /** Where it stands in the message: a quote of it. */
  text: string;
  /** As patterns read it: without words that only lead up to it, and without its end mark. */
  plain: string;
  asks: boolean;
  /** Somebody is told to remember it: no supposing makes that void. */
  supposes: boolean;
};

/** What people write of themselves is short; longer is what they paste. */
const LONGEST_chars = 1500;

const LEADS =
  /^(?:(?:well|so|oh|hey|hi|hello|btw|by the way|fyi|also|and|but|ok|okay|yes|yeah|yep|no|nope|nah|sure|right|listen|look|just so you know|for the record|actually|honestly|in fact|to be clear|as of (?:now|today)|since (?:last )?\p{L}+|ja|nein|ach|also|übrigens|hallo|und|aber|naja|tja|hör mal|im übrigen|eigentlich|zur info|nur zur info)\b[\s,:!–—-]*)+/iu;
const QUESTION =
  /^(?:do|does|did|is|are|was|were|can|could|would|should|will|shall|have|has|had|am i|what|what's|who|who's|where|when|why|how|which|whose|wer|wo|wann|warum|wieso|wie|welche[rsn]?|was|ist|sind|hast|habe|hat|kannst|könntest|bist|bin|soll|sollte|weißt|willst|würdest)\b/iu;
const SUPPOSED =
  /\b(?:if|suppose|supposing|imagine|pretend|let's say|lets say|assume|assuming|would|could|might|may be|maybe|perhaps|probably|possibly|i think|i guess|i wish|as if|as though|unless|hopefully|used to|not sure|wenn|falls|angenommen|stell dir vor|hätte|wäre|würde|könnte|vielleicht|wahrscheinlich|vermutlich|als ob|ich glaube|früher|for example|e\.g\.|z\.b\.|zum beispiel|joke|kidding|lied|in (?:my|the|a) (?:dream|story|novel|game|book))\b/iu;
const REPORTED =
  /\b(?:says?|said|told|thinks?|claims?|claimed|wrote|writes|asked|asks|according to|sagt|sagte|meint|meinte|behauptet|schrieb|schreibt|fragt|fragte|laut)\b|^(?:quote|zitat|example|beispiel|translate|übersetze|he|she|they|er|sie)\b/iu;

/** Where a sentence ends. Not after `3.` of `3. Mai`, nor after a title. */
const END = /(?<=[^\d\s][.!?;…]|\d{4}\.)(?<!\b(?:Dr|Mr|Mrs|Ms|St|Prof|e\.g|z\.B)\.)\s+|\n+/u;
/** Where one sentence says two things. */
const JOINT =
  /,?\s+(?:and|but|und|aber)\s+(?=(?:i|i'm|my|we|ich|mein|meine|wir)\b)|,\s+(?=(?:i|i'm|my|ich|mein|meine)\s)/iu;

/** The parts of a message, in order. */
export function clausesOf(message: string): Clause[] {
  if (message.length > LONGEST_chars || message.startsWith('/')) return [];
  return withoutQuotes(message)
    .split(END)
    .flatMap((sentence) => {
      const asks = /\?\s*$/.test(sentence);
      const supposes = SUPPOSED.test(sentence) || REPORTED.test(sentence.trim());
      return sentence.split(JOINT).flatMap((part) => {
        const text = part.trim().replace(/[.!?;…\s]+$/, '');
        const plain = text.replace(LEADS, '').trim();
        if (plain === '') return [];
        return [
          { text, plain, asks: asks || QUESTION.test(plain), supposes: supposes || REPORTED.test(plain) },
        ];
      });
    });
}

/** Quoted speech, quoted lines and code as blanks, so that all else stands where it stood. */
function withoutQuotes(text: string): string {
  const blank = (found: string) => found.replace(/[^\n]/g, ' ');
  return text
    .replace(/```[\s\S]*?(?:```|$)/g, blank)
    .replace(/^\s*>.*$/gm, blank)
    .replace(/["“„«]([^"“”„«»]*\b(?:i|my|me|ich|mein|mir)\b[^"“”„«»]*)["”“»]/giu, blank);
}
