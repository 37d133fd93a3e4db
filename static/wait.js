// Counts down on the page that asks to wait, and says when the time is over.
(() => {
  "use strict";
  const clock = document.querySelector("[data-wait]");
  if (!clock) return;
  const over = document.querySelector("[data-over]");
  const end = Date.now() + Number(clock.dataset.wait) * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    clock.hidden = left === 0;
    if (left > 0) setTimeout(tick, 1000);
    else over.textContent = over.dataset.over;
  };
  tick();
})();
