// Copies the app's address, for a person in a browser inside another app.
(() => {
  "use strict";
  const button = document.querySelector("[data-copy]");
  const said = document.querySelector("[data-copied]");
  if (!button || !said) return;
  // Such browsers often keep the clipboard from pages; the old way works in most.
  const copied = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "heard";
    button.after(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    button.focus();
    return done;
  };
  button.addEventListener("click", async () => {
    const text = button.dataset.copy;
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    if (done || copied(text)) said.textContent = said.dataset.copied;
  });
  button.hidden = false;
})();
