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
];
