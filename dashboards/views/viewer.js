// The frame viewer: it holds the place itself and asks the server for pictures, so that no key is lost while a page is
// drawn, and tells Python where it stands only once it has come to rest.
const AHEAD = 6, AT_ONCE = 2, KEPT = 48, REST_MS = 350;

function viewer(root, tell) {
  const one = (name) => root.querySelector("." + name);
  const slider = one("slider"), toggle = one("toggle"), label = one("moment"), columns = one("columns");
  const loaded = new Map(), coming = new Set(), lost = new Set();
  let data = null, views = "", place = 0, shown = -1, told = null, ahead = 1, timer = null, rest = null, due = 0;

  const last = () => data.frames.length - 1;

  function address(at, column) {
    return new URL(data.at + "?" + column.query + "&frame=" + data.frames[at], window.location.origin + "/").href;
  }

  function load(at) {
    const of = views;
    coming.add(at);
    const pictures = data.columns.map((column) => {
      const picture = new Image();
      picture.alt = column.name + ", frame " + data.frames[at];
      picture.src = address(at, column);
      return picture.decode().then(() => picture);
    });
    Promise.all(pictures).then(
      (done) => { if (of === views) { lost.delete(at); loaded.set(at, done); } },
      () => { if (of === views) lost.add(at); },
    ).then(() => {
      if (of !== views) return;
      coming.delete(at);
      for (const key of loaded.keys()) {
        if (loaded.size <= KEPT) break;
        if (key !== place && key !== shown) loaded.delete(key);
      }
      draw();
      pump();
    });
  }

  // The place itself first, then those that come next the way it moves.
  function pump() {
    for (let by = 0; by <= AHEAD && coming.size < AT_ONCE; by++) {
      const at = place + by * ahead;
      if (at < 0 || at > last()) break;
      if (!loaded.has(at) && !coming.has(at) && !lost.has(at)) load(at);
    }
  }

  function draw() {
    const nearer = [...loaded.keys()].reduce(
      (best, at) => (best < 0 || Math.abs(at - place) < Math.abs(best - place) ? at : best), loaded.has(shown) ? shown : -1);
    if (nearer >= 0 && nearer !== shown) {
      loaded.get(nearer).forEach((picture, at) => columns.children[at].querySelector(".frame").replaceChildren(picture));
      shown = nearer;
    }
    columns.classList.toggle("waiting", shown !== place);
    columns.dataset.frame = shown < 0 ? "" : data.frames[shown];
    slider.value = place;
    slider.setAttribute("aria-valuetext", "frame " + data.frames[place]);
    label.textContent = "frame " + data.frames[place]
      + (data.times ? ", " + data.times[place].toFixed(3) + " s" : "")
      + (lost.has(place) ? ": its pictures cannot be shown" : "");
    toggle.textContent = timer ? "Pause" : "Play";
    one("previous").disabled = place === 0;
    one("next").disabled = place === last();
  }

  function report() {
    clearTimeout(rest);
    if (told !== data.frames[place]) tell((told = data.frames[place]));
  }

  function go(to) {
    const wanted = Math.max(0, Math.min(last(), to));
    if (wanted !== place) ahead = wanted < place ? -1 : 1;
    place = wanted;
    draw();
    pump();
    clearTimeout(rest);
    if (!timer) rest = setTimeout(report, REST_MS);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    draw();
  }

  // Every frame is shown, none before its time; one whose pictures have not come yet is waited for.
  function tick() {
    const now = performance.now();
    if (now < due || !(shown === place || lost.has(place))) return;
    if (place >= last()) { stop(); report(); return; }
    due = Math.max(due + 1000 * data.step, now - 1000 * data.step);
    go(place + 1);
  }

  function play() {
    if (timer) { stop(); report(); return; }
    if (place === last()) go(0);
    ahead = 1;
    clearTimeout(rest);
    due = performance.now() + 1000 * data.step;
    timer = setInterval(tick, 10);
    draw();
  }

  const moved = (to) => { if (timer) stop(); go(to); };
  slider.oninput = () => moved(Number(slider.value));
  one("previous").onclick = () => moved(place - 1);
  one("next").onclick = () => moved(place + 1);
  toggle.onclick = play;

  return {
    update(fresh) {
      const first = data === null, moves = first || fresh.move !== data.move;
      data = fresh;
      slider.max = last();
      const wanted = JSON.stringify([data.columns, data.frames.length, data.frames[0], data.frames[last()]]);
      if (wanted !== views) {
        views = wanted;
        loaded.clear(); coming.clear(); lost.clear();
        shown = -1;
        const kept = [...columns.querySelectorAll(".frame")].map((frame) => frame.firstChild);
        columns.style.setProperty("--least", data.columns.length === 3 ? "30%" : "40%");
        columns.replaceChildren(...data.columns.map((column, at) => {
          const cell = document.createElement("figure"), head = document.createElement("figcaption");
          const mark = document.createElement("span"), frame = document.createElement("div");
          mark.className = "mark";
          mark.style.background = column.color;
          head.append(...(column.color ? [mark] : []), column.name);
          frame.className = "frame";
          frame.style.aspectRatio = data.size[0] + " / " + data.size[1];
          if (kept[at]) frame.append(kept[at]);
          cell.append(head, frame);
          return cell;
        }));
      }
      if (moves) {
        if (timer) stop();
        told = data.frames[data.place];
        place = data.place;
      }
      place = Math.min(place, last());
      draw();
      pump();
    },
    end() { clearInterval(timer); clearTimeout(rest); timer = null; },
  };
}

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  const root = parentElement.querySelector(".viewer");
  if (!root) return;
  root.viewer = root.viewer || viewer(root, (frame) => root.tell(frame));
  root.tell = (frame) => setStateValue("frame", frame);
  root.viewer.update(data);
  return () => { root.viewer?.end(); root.viewer = null; };
}
