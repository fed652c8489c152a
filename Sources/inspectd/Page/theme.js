// Runs before the first paint, so that a chosen theme never flashes the other one.
(() => {
  const key = "inspectd.theme";
  let choice = null;
  try { choice = localStorage.getItem(key); } catch { /* storage may be forbidden: the system's theme is used */ }
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  window.inspectdTheme = {
    get choice() { return document.documentElement.dataset.theme ?? "system"; },
    set choice(value) {
      if (value === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = value;
      try { localStorage.setItem(key, value); } catch { /* the choice holds until the page is left */ }
    },
  };
})();
