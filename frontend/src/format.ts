// Numbers as people read them. The server's pages use the same forms: src/turnout/web/shown.py.
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(value);
export const short = (value: number): string => compact.format(value);

/** Dollars with as many digits as say something: 12.40, 0.0312, 0.00000123. What must be exact comes as text: `cost`. */
export function dollars(value: number): string {
  if (value === 0) return "$0";
  const size = Math.abs(value);
  if (size >= 0.01) {
    const digits = { minimumFractionDigits: 2, maximumFractionDigits: size < 1 ? 4 : 2 };
    return `${value < 0 ? "−" : ""}$${size.toLocaleString("en", digits)}`;
  }
  return `${value < 0 ? "−" : ""}$${Number(size.toPrecision(3)).toFixed(12).replace(/0+$/, "")}`;
}

/** A price per token as dollars for a million tokens. */
export function perMillion(price: number | null): string {
  if (price === null) return "–";
  if (price === 0) return "free";
  const value = price * 1e6;
  const digits = value >= 100 ? 0 : value >= 0.1 ? 2 : 4;
  return `$${value.toLocaleString("en", { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits })}`;
}

/** Tokens of context: 8K, 200K, 1.05M, in thousands as models are advertised. */
export function tokens(value: number | null): string {
  if (!value) return "–";
  if (value >= 1e6) return `${Number((value / 1e6).toFixed(2))}M`;
  return value >= 1000 ? `${Math.round(value / 1000)}K` : String(value);
}

export function milliseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s` : `${Number(value.toFixed(value < 9.95 ? 1 : 0))} ms`;
}

export const day = (value: string | number | Date): string =>
  new Date(value).toLocaleDateString("en-GB", { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });

export const moment = (value: string | number | Date): string =>
  new Date(value).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A share of one as per cent: 3 %, 0.4 %, 99.95 %; what is next to nothing is not called nothing. */
export function share(value: number): string {
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 0 && percent < 0.005) return "<0.01 %";
  const digits = percent < 1 || percent > 99 ? 2 : percent < 10 ? 1 : 0;
  return `${Number(percent.toFixed(digits))} %`;
}

/** The time of day, to the second. */
export const clock = (value: string | number | Date): string => new Date(value).toLocaleTimeString("en-GB");
