// Copy buttons. Without this script they are not there and the text can be selected.
for (const box of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  const told = document.createElement("span");
  told.className = "heard";
  told.setAttribute("role", "status");
  const say = (done) => {
    button.textContent = done;
    button.setAttribute("aria-label", done + " " + box.dataset.copy);
  };
  say("Copy");
  button.addEventListener("click", async () => {
    const text = box.querySelector("code").textContent;
    await navigator.clipboard.writeText(text);
    say("Copied");
    told.textContent = "Copied";
    setTimeout(() => { say("Copy"); told.textContent = ""; }, 2000);
  });
  box.append(button, told);
}
// A page that waits for something elsewhere looks again, and gives way once there is news. Without this script it
// is loaded anew every few seconds.
const waiting = document.querySelector("[data-waits]");
const look = async () => {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.querySelector("[data-waits]")?.dataset.waits !== waiting.dataset.waits) location.reload();
  } catch {
    // Between two networks there is none.
  }
  setTimeout(look, 3000);
};
if (waiting) setTimeout(look, 3000);
// Times are UTC; where this script runs, the reader's own stand beside them.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (isNaN(moment) || moment.getTimezoneOffset() === 0) continue;
  const local = document.createElement("span");
  local.className = "local";
  local.textContent = moment.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) + " your time";
  time.append(document.createElement("br"), local);
}
