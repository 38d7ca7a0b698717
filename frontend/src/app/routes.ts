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
  { path: "/activity", title: "Activity", load: () => import("./pages/Activity.svelte"), group: "Watch" },
];
