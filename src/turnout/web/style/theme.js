// Applies the chosen theme before anything is drawn, and lets the switch in the head of the page change it.
(() => {
  const root = document.documentElement;
  const stored = localStorage.getItem("theme");
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;
  addEventListener("DOMContentLoaded", () => {
    const control = document.querySelector("[data-theme-switch]");
    if (!control) return;
    control.hidden = false;
    control.addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
    });
  });
})();
