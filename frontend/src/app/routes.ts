// Every page of the application. A new page is a file in pages/ and a line here.
import type { Component } from "svelte";

export interface Route {
  /** The path; `:name` stands for one segment, which the page gets as a prop of that name. */
  path: string;
  title: string;
  load: () => Promise<{ default: Component<any> }>;
  /** Where it stands in the navigation; left out: it is reached from other pages. */
  group?: "Use" | "Watch" | "Set up" | "Run";
  /** For whom: anybody, any key, a management key, the management key of an admin. Left out: a management key. */
  for?: "anybody" | "key" | "manager" | "admin";
}

export const routes: Route[] = [
  { path: "/sign-in", title: "Sign in", load: () => import("./pages/SignIn.svelte"), for: "anybody" },
  { path: "/chat", title: "Chat", load: () => import("./pages/Chat.svelte"), group: "Use", for: "key" },
  { path: "/query", title: "Query LLMs", load: () => import("./pages/Query.svelte"), group: "Use", for: "key" },
  { path: "/query/:id", title: "Query LLM", load: () => import("./pages/QueryModel.svelte"), for: "key" },
  { path: "/training", title: "Training tables", load: () => import("./pages/Training.svelte"), group: "Use", for: "key" },
  { path: "/training/:id", title: "Training table", load: () => import("./pages/TrainingTable.svelte"), for: "key" },
  { path: "/activity", title: "Activity", load: () => import("./pages/Activity.svelte"), group: "Watch" },
  { path: "/logs", title: "Logs", load: () => import("./pages/Logs.svelte"), group: "Watch", for: "key" },
  { path: "/logs/:id", title: "Request", load: () => import("./pages/Log.svelte"), for: "key" },
  { path: "/keys", title: "Keys", load: () => import("./pages/Keys.svelte"), group: "Set up" },
  { path: "/presets", title: "Presets", load: () => import("./pages/Presets.svelte"), group: "Set up" },
  { path: "/guardrails", title: "Guardrails", load: () => import("./pages/Guardrails.svelte"), group: "Set up" },
  { path: "/setup", title: "First steps", load: () => import("./pages/Setup.svelte"), group: "Run", for: "admin" },
  { path: "/admin/credentials", title: "Credentials", load: () => import("./pages/admin/Credentials.svelte"), group: "Run", for: "admin" },
  { path: "/admin/catalog", title: "Catalog", load: () => import("./pages/admin/Catalog.svelte"), group: "Run", for: "admin" },
  { path: "/admin/routing", title: "Routing", load: () => import("./pages/admin/Routing.svelte"), group: "Run", for: "admin" },
  { path: "/admin/auto", title: "Auto router", load: () => import("./pages/admin/Auto.svelte"), group: "Run", for: "admin" },
  { path: "/admin/accounts", title: "Accounts", load: () => import("./pages/admin/Accounts.svelte"), group: "Run", for: "admin" },
  { path: "/admin/settings", title: "Settings", load: () => import("./pages/admin/Settings.svelte"), group: "Run", for: "admin" },
];
