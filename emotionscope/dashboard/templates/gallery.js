// Pictures of faces: a click on one goes to its moment in the player; where they can be marked, each has a box for it.
export default function ({ parentElement, data, setStateValue }) {
  const make = (tag, values, ...inner) => {
    const element = Object.assign(document.createElement(tag), values);
    element.append(...inner);
    return element;
  };
  const marked = new Set();
  const mark = (event, place) => {
    if (event.target.checked) marked.add(place);
    else marked.delete(place);
    setStateValue("marked", [...marked]);
  };
  const shown = data.faces.map((face, place) => {
    const image = make("img", { loading: "lazy", alt: face.alt });
    image.addEventListener("error", () => image.classList.add("p-gone"));
    if (face.src) image.src = face.src;
    const button = make("button", { type: "button" }, image, make("span", { textContent: face.words }));
    button.addEventListener("click", () => {
      const detail = { utterance: face.utterance, seconds: face.time };
      document.dispatchEvent(new CustomEvent("emotionscope-go", { detail }));
    });
    if (!data.markable) return make("div", {}, button);
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", (event) => mark(event, place));
    return make("div", {}, button, make("label", {}, box, " somebody else"));
  });
  const gallery = parentElement.querySelector(".p-gallery"), told = JSON.stringify(data);
  if (gallery.told === told) return; // what is marked stays marked
  gallery.told = told;
  gallery.replaceChildren(...shown);
}
