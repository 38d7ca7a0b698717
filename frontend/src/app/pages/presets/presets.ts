// Presets as the API tells them.
export interface Preset {
  id: string;
  slug: string;
  name: string;
  description: string | null;
  status: "active" | "disabled" | "archived";
  updated_at: string;
}
export interface Version {
  id: string;
  version: number;
  system_prompt: string | null;
  config: Record<string, unknown>;
  created_at: string;
}

/** A version as one text, for comparing. */
export const textOf = (one: Version): string =>
  `${one.system_prompt ? `${one.system_prompt}\n\n` : ""}${JSON.stringify(one.config, null, 2)}`;

/** The body that a draft makes of a conversation. */
export function bodyOf(config: Record<string, unknown>, prompt: string, said?: string): Record<string, unknown> {
  const system = prompt.trim() ? [{ role: "system", content: prompt }] : [];
  const user = said === undefined ? [] : [{ role: "user", content: said }];
  return { ...config, messages: [...system, ...user] };
}
