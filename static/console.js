// Copy buttons. Without this script they are not there and the text can be selected.
for (const box of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + box.dataset.copy);
  button.addEventListener("click", async () => {
    const text = box.querySelector("code").textContent;
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.append(button);
}
// Times are UTC; where this script runs, the reader's own stand beside them.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (isNaN(moment) || moment.getTimezoneOffset() === 0) continue;
  const local = document.createElement("span");
  local.className = "local";
  local.textContent = moment.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) + " your time";
  time.append(document.createElement("br"), local);
}
