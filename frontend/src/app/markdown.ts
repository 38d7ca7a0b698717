// Markdown of models as a tree of nodes. Nothing here makes HTML: Markdown.svelte writes each text as text, so that no
// answer can be more than what it looks like. What is not understood stays as it was written.
export type Inline =
  | { is: "text" | "code"; text: string }
  | { is: "strong" | "em" | "del"; of: Inline[] }
  | { is: "link"; to: string; of: Inline[] }
  | { is: "break" };

export type Block =
  | { is: "paragraph"; of: Inline[] }
  | { is: "heading"; level: number; of: Inline[] }
  | { is: "code"; language: string; text: string }
  | { is: "quote"; of: Block[] }
  | { is: "list"; ordered: boolean; start: number; items: Block[][] }
  | { is: "table"; head: Inline[][]; rows: Inline[][][] }
  | { is: "rule" };

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}>\s?/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+|$)/;
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const DEEPEST = 12;

export function parse(text: string): Block[] {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function blocks(lines: string[], depth: number): Block[] {
  const found: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (!line.trim()) {
      at += 1;
      continue;
    }
    const [block, next] = block_at(lines, at, depth);
    found.push(block);
    at = next;
  }
  return found;
}

function block_at(lines: string[], at: number, depth: number): [Block, number] {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ is: "heading", level: heading[1]?.length ?? 1, of: inline(heading[2] ?? "") }, at + 1];
  if (RULE.test(line)) return [{ is: "rule" }, at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) {
    let end = at;
    while (end < lines.length && QUOTE.test(lines[end] ?? "")) end += 1;
    return [{ is: "quote", of: blocks(lines.slice(at, end).map((one) => one.replace(QUOTE, "")), depth + 1) }, end];
  }
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && DELIMITERS.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) return table(lines, at);
  let end = at + 1;
  while (end < lines.length && !ends_paragraph(lines[end] ?? "", depth)) end += 1;
  return [{ is: "paragraph", of: inline(lines.slice(at, end).join("\n").trim()) }, end];
}

const ends_paragraph = (line: string, depth: number): boolean =>
  !line.trim() || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || (depth < DEEPEST && (QUOTE.test(line) || ITEM.test(line)));

/** An unclosed fence goes on to the end: while an answer streams, it is not closed yet. */
function fenced(lines: string[], at: number, fence: RegExpExecArray): [Block, number] {
  const mark = fence[1] ?? "```";
  let end = at + 1;
  const closes = (line: string): boolean => {
    const text = line.trim();
    return text.length >= mark.length && text === (mark[0] ?? "`").repeat(text.length);
  };
  while (end < lines.length && !closes(lines[end] ?? "")) end += 1;
  return [{ is: "code", language: fence[2] ?? "", text: lines.slice(at + 1, end).join("\n") }, end + 1];
}

function list(lines: string[], at: number, depth: number): [Block, number] {
  const first = ITEM.exec(lines[at] ?? "");
  const margin = first?.[1]?.length ?? 0;
  const ordered = /\d/.test(first?.[2] ?? "");
  const items: string[][] = [];
  let end = at;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    const item = ITEM.exec(line);
    const indent = line.length - line.trimStart().length;
    if (item && indent <= margin + 1) {
      if (/\d/.test(item[2] ?? "") !== ordered || RULE.test(line)) break;
      items.push([line.slice(item[0].length)]);
    } else if (!line.trim()) {
      const after = lines[end + 1] ?? "";
      const deeper = after.length - after.trimStart().length > margin;
      if (!after.trim() || !(deeper || ITEM.test(after))) break;
      items.at(-1)?.push("");
    } else if (indent > margin || !ends_paragraph(line, depth)) {
      items.at(-1)?.push(line.slice(Math.min(indent, margin + (item ? 2 : indent))));
    } else break;
    end += 1;
  }
  const start = Number.parseInt(first?.[2] ?? "1", 10) || 1;
  return [{ is: "list", ordered, start, items: items.map((own) => blocks(own, depth + 1)) }, Math.max(end, at + 1)];
}

function table(lines: string[], at: number): [Block, number] {
  let end = at + 2;
  while (end < lines.length && (lines[end] ?? "").includes("|")) end += 1;
  const head = cells(lines[at] ?? "");
  const rows = lines.slice(at + 2, end).map((line) => {
    const own = cells(line);
    return head.map((_, i) => own[i] ?? []);
  });
  return [{ is: "table", head, rows }, end];
}

const cells = (line: string): Inline[][] =>
  line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));

const TOKEN =
  /(`+)([^`]|[^`][\s\S]{0,4000}?[^`])\1(?!`)|!?\[([^[\]\n]{0,500})\]\(\s*<?([^\s()<>]{1,2000})>?(?:\s+["'][^"'\n]*["'])?\s*\)|(\*\*|__)(?=\S)([\s\S]{0,2000}?\S)\5|(~~)(?=\S)([\s\S]{0,2000}?\S)\7|(?<![\w*])\*(?=[^\s*])([^*\n]*?[^\s*])\*(?!\*)|(?<![\w_])_(?=[^\s_])([^_\n]*?[^\s_])_(?!\w)|\\([!-/:-@[-`{-~])|(\bhttps?:\/\/[^\s<>()"'`]{1,2000}[^\s<>()"'`.,;:!?*_])|( {2,}\n|\n)/g;

function inline(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  const say = (words: string): void => {
    const last = found.at(-1);
    if (last?.is === "text") last.text += words;
    else if (words) found.push({ is: "text", text: words });
  };
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    say(text.slice(at, match.index));
    at = match.index + match[0].length;
    const [whole, , code, label, target, , strong, , del, em, em2, escaped, address, newline] = match;
    const inner = (words: string): Inline[] => (depth < DEEPEST ? inline(words, depth + 1) : [{ is: "text", text: words }]);
    if (code !== undefined) found.push({ is: "code", text: code });
    else if (target !== undefined) {
      const to = safe(target);
      if (to) found.push({ is: "link", to, of: label ? inner(label) : [{ is: "text", text: target }] });
      else say(whole);
    } else if (strong !== undefined) found.push({ is: "strong", of: inner(strong) });
    else if (del !== undefined) found.push({ is: "del", of: inner(del) });
    else if (em !== undefined || em2 !== undefined) found.push({ is: "em", of: inner(em ?? em2 ?? "") });
    else if (escaped !== undefined) say(escaped);
    else if (address !== undefined) found.push({ is: "link", to: address, of: [{ is: "text", text: address }] });
    else if (newline !== undefined) found.push({ is: "break" });
  }
  say(text.slice(at));
  return found;
}

/** Only addresses that lead to a page or a letter box; pictures too become links, for nothing is fetched unasked. */
function safe(target: string): string | null {
  try {
    const url = new URL(target);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
