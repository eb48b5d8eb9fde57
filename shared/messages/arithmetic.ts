/**
 * A sum as a person types it, worked out without `eval`: numbers, + - * / % ^ and parentheses, also × ÷ and a comma
 * between thousands.
 */

/** The value of `expression`; undefined when it is not one. Division by zero gives Infinity or NaN, as in JavaScript. */
export function calculate(expression: string): number | undefined {
  const tokens = expression
    .replaceAll('×', '*')
    .replaceAll('÷', '/')
    .replaceAll('**', '^')
    .replace(/(\d),(?=\d{3})/g, '$1')
    .match(/\d+(?:\.\d+)?|\.\d+|\S/g);
  // The parser recurses once per parenthesis and sign: a bound keeps a hostile message from exhausting the stack.
  if (!tokens || tokens.length > 200) return undefined;
  let at = 0;
  const take = (...operators: string[]) => {
    const token = tokens[at];
    if (token === undefined || !operators.includes(token)) return undefined;
    at += 1;
    return token;
  };

  const sum = (): number => {
    let value = product();
    for (let operator = take('+', '-'); operator; operator = take('+', '-')) {
      value = operator === '+' ? value + product() : value - product();
    }
    return value;
  };
  const product = (): number => {
    let value = signed();
    for (let operator = take('*', '/', '%'); operator; operator = take('*', '/', '%')) {
      const right = signed();
      value = operator === '*' ? value * right : operator === '/' ? value / right : value % right;
    }
    return value;
  };
  const signed = (): number => (take('-') ? -signed() : take('+') ? signed() : power());
  const power = (): number => {
    const base = operand();
    return take('^') ? base ** signed() : base;
  };
  const operand = (): number => {
    if (take('(')) {
      const value = sum();
      if (!take(')')) throw new SyntaxError('a parenthesis is not closed');
      return value;
    }
    const number = Number(tokens[at]);
    if (Number.isNaN(number)) throw new SyntaxError(`expected a number, got '${tokens[at]}'`);
    at += 1;
    return number;
  };

  try {
    const value = sum();
    return at === tokens.length ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
