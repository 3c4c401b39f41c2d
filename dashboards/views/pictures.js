// Pictures that the server makes when they are asked for, each under its heading; one that has a frame is a button to it.
export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".columns");
  if (!root) return;
  root.style.setProperty("--least", data.least);
  const wanted = JSON.stringify(data.pictures);
  if (root.dataset.pictures === wanted) return;
  root.dataset.pictures = wanted;
  root.replaceChildren(...data.pictures.map((one) => {
    const cell = document.createElement("figure"), head = document.createElement("figcaption");
    const frame = document.createElement("div"), picture = document.createElement("img");
    if (one.color) {
      const mark = document.createElement("span");
      mark.className = "mark";
      mark.style.background = one.color;
      head.append(mark);
    }
    head.append(one.name);
    frame.className = "frame";
    frame.style.aspectRatio = one.size[0] + " / " + one.size[1];
    picture.alt = one.alt;
    picture.src = new URL(data.at + "?" + one.query, window.location.origin + "/").href;
    frame.append(picture);
    if (one.frame === null) { cell.append(head, frame); return cell; }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "to_frame";
    button.title = "Go to this frame";
    button.onclick = () => setTriggerValue("frame", one.frame);
    button.append(frame, head);
    cell.append(button);
    return cell;
  }));
}
