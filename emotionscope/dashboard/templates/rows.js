// The utterances, one below another: a click on one, or on one of its words or faces, goes there.
class Rows {
  constructor(axis, data, go) {
    Object.assign(this, { axis, data, go, current: -1 });
    this.items = axis.turns.map((turn, number) => this.#item(turn, number));
    this.element = make("ol", { class: "p-rows", tabindex: "0", "aria-label": "Utterances" }, ...this.items);
  }

  #item(turn, number) {
    const start = this.axis.place(number, turn.start ?? 0);
    const when = this.axis.byTime ? clock(turn.start) : null;
    const go = make(
      "button",
      { type: "button", class: "number", "aria-label": `Go to utterance ${turn.n ?? "without a number"}`, title: when, onclick: (event) => this.#go(event, start, number) },
      String(turn.n ?? "–"),
    );
    const words = make("p", { class: "words" }, go);
    if (turn.who) words.append(make("span", { class: "speaker" }, make("bdi", {}, turn.who)));
    words.append(this.#words(turn, number));
    const inner = make("div", { class: "utterance", onclick: (event) => this.#go(event, start, number) }, words, this.#chips(turn));
    if (turn.why) inner.append(make("details", { onclick: (event) => event.stopPropagation() }, make("summary", {}, "Why fused says so"), turn.why));
    const faces = turn.faces.map((face) => this.#face(face, number));
    if (faces.length) inner.append(make("div", {}, ...faces));
    if (turn.error) inner.append(make("p", { class: "plain" }, "⚠ ", make("bdi", {}, turn.error)));
    return make("li", { value: number + 1 }, inner);
  }

  #words(turn, number) {
    if (!turn.text) return make("i", {}, "no text");
    const parts = turn.text.split(/(\s+)/), spoken = make("bdi", {});
    const length = this.axis.length(number);
    let letters = 0;
    for (const part of parts) {
      const at = (turn.start ?? 0) + (length * letters) / turn.text.length;
      letters += part.length;
      if (!part.trim()) spoken.append(part);
      else spoken.append(make("span", { class: "p-word", onclick: (event) => this.#go(event, this.axis.place(number, at), number) }, part));
    }
    return spoken;
  }

  #chips(turn) {
    const chip = (title, emotion, share) => {
      if (emotion === null) return make("span", { class: "chip quiet" }, `${title} `, make("b", {}, "–"));
      const mark = make("i");
      mark.style.background = this.data.colours[this.data.emotions.indexOf(emotion)] ?? "#888";
      return make("span", { class: "chip" }, mark, `${title} `, make("b", {}, make("bdi", {}, emotion)), share);
    };
    const answers = this.data.allModels.map((model) => {
      const best = likeliest(turn.p[model]);
      return best === null ? chip(model, null) : chip(model, this.data.emotions[best], ` ${Math.round(turn.p[model][best] / 10)}%`);
    });
    if (turn.label) answers.push(chip("label", turn.label, ""));
    return make("div", {}, ...answers);
  }

  #face(face, number) {
    const image = make("img", { class: "face", height: 72, loading: "lazy", alt: face.alt, src: face.src });
    image.addEventListener("error", () => image.classList.add("p-gone"));
    const go = (event) => this.#go(event, this.axis.place(number, face.time), number);
    return make("button", { type: "button", class: "p-face", title: face.alt, onclick: go }, image);
  }

  #go(event, place, number) {
    event.stopPropagation();
    this.go(place, number);
  }

  // Mark the row that is current, and keep it in sight within the list.
  mark(number, chosen) {
    if (number === this.current && chosen === this.chosen) return;
    this.items[this.current]?.firstChild.classList.remove("now");
    this.items[this.chosen]?.firstChild.classList.remove("chosen");
    [this.current, this.chosen] = [number, chosen];
    this.items[chosen]?.firstChild.classList.add("chosen");
    const item = this.items[number >= 0 ? number : chosen];
    this.items[number]?.firstChild.classList.add("now");
    if (!item) return;
    this.#reveal(item, 3);
    setTimeout(() => number === this.current && this.#reveal(item, 0), 600); // once its faces are there
  }

  // Rows get their true heights as they come into sight, so it takes some frames to get there.
  #reveal(item, frames) {
    const list = this.element, top = item.offsetTop;
    if (top < list.scrollTop || top + item.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - Math.max((list.clientHeight - item.offsetHeight) / 2, 0);
    }
    if (frames) requestAnimationFrame(() => this.#reveal(item, frames - 1));
  }
}
