"use strict";
// Definitions: shown beside a word that is pointed at or focused; a click leads to them, with or without this script.
const tip = document.getElementById("tip");
function showTip(word) {
  const meaning = document.getElementById(word.getAttribute("aria-describedby"));
  if (!meaning) return;
  tip.textContent = meaning.textContent;
  tip.hidden = false;
  const place = word.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const left = Math.max(12, Math.min(place.left, document.documentElement.clientWidth - own.width - 12));
  const below = place.bottom + 6;
  const above = Math.max(6, place.top - own.height - 6);
  tip.style.left = `${left}px`;
  tip.style.top = `${below + own.height <= window.innerHeight ? below : above}px`;
}
function hideTip() { tip.hidden = true; }
for (const word of document.querySelectorAll("a.term")) {
  word.addEventListener("mouseenter", () => showTip(word));
  word.addEventListener("focus", () => showTip(word));
  word.addEventListener("click", () => { document.getElementById("words").open = true; });
  word.addEventListener("mouseleave", hideTip);
  word.addEventListener("blur", hideTip);
}
addEventListener("keydown", event => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, {passive: true});

// Tables: a button at each head sorts its column; undefined values stay last, whichever way.
function compare(first, second, numeric, sign) {
  if (numeric) {
    if (first === "" || second === "") return (first === "") - (second === "");
    return sign * (Number(first) - Number(second));
  }
  return sign * first.localeCompare(second, undefined, {numeric: true});
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const numeric = [...body.rows].every(row => row.cells[column].classList.contains("number"));
    head.classList.toggle("number", numeric);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `sort by ${head.textContent || "the first column"}`);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => numeric ? row.cells[column].dataset.key : row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((a, b) => compare(key(a), key(b), numeric, up ? 1 : -1));
      body.append(...rows);
    });
  });
}
