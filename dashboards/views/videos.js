// Several videos under one set of controls. The first leads: the others follow wherever they have drifted from it by
// more than a frame or so.
const SLACK_S = 0.06;

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".viewer");
  if (!root) return;
  const one = (name) => root.querySelector("." + name);
  const toggle = one("toggle"), moment = one("to_moment"), seek = one("seek"), clock = one("moment");
  const columns = one("columns");
  const wanted = JSON.stringify(data.columns);
  if (root.dataset.columns !== wanted) {
    root.dataset.columns = wanted;
    columns.replaceChildren(...data.columns.map((column) => {
      const cell = document.createElement("figure"), head = document.createElement("figcaption");
      const mark = document.createElement("span"), video = document.createElement("video");
      mark.className = "mark";
      mark.style.background = column.color;
      head.append(mark, column.name);
      Object.assign(video, { className: "shown", muted: true, controls: true, preload: "metadata", playsInline: true });
      video.src = new URL(data.at + "?" + column.query, window.location.origin + "/").href;
      cell.append(head, video);
      return cell;
    }));
  }
  const videos = () => [...columns.querySelectorAll("video")];
  const start = (video) => video.play().catch(() => {});
  toggle.onclick = () => {
    const all = videos(), play = all[0].paused;
    all.forEach((video) => {
      if (!play) { video.pause(); return; }
      if (video.ended) video.currentTime = 0;
      start(video);
    });
  };
  moment.onclick = () => videos().forEach((video) => { video.pause(); video.currentTime = data.time; });
  seek.oninput = () => {
    const all = videos();
    if (all[0].duration) all.forEach((video) => { video.currentTime = Number(seek.value) * all[0].duration; });
  };
  const timer = setInterval(() => {
    const [first, ...others] = videos();
    if (!first) return;
    toggle.textContent = first.paused ? "Play all" : "Pause all";
    clock.textContent = first.currentTime.toFixed(2) + " s";
    if (first.duration && !seek.matches(":active")) seek.value = first.currentTime / first.duration;
    others.forEach((video) => {
      if (first.seeking || first.ended || video.ended) return;
      if (first.paused !== video.paused) { if (first.paused) video.pause(); else start(video); }
      if (Math.abs(video.currentTime - first.currentTime) > SLACK_S && !video.seeking) {
        video.currentTime = first.currentTime;
      }
    });
  }, 100);
  return () => clearInterval(timer);
}
