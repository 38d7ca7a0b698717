// The signed-in application: one page of HTML, one router, one session.
import { mount } from "svelte";
import App from "./app/App.svelte";

const target = document.getElementById("app");
if (target) {
  target.replaceChildren();
  mount(App, { target });
}
