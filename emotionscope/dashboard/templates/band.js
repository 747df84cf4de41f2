// The curve as something to use: a cursor that moves, a click that goes there, a closer look, and a map of the whole.
const MAP = 18; // pixels
const HINT = "Space plays, arrows move, n and p go to the next and the last shift.";

class Band extends Curve {
  constructor(axis, data, go) {
    super(axis, data);
    Object.assign(this, { go, cursor: axis.from, chosen: -1 });
    this.canvas = make("canvas", { class: "p-canvas" });
    this.map = make("canvas", { class: "p-map", hidden: true });
    this.hand = make("div", { class: "p-cursor" });
    this.tip = make("div", { class: "p-tip", hidden: true });
    this.slider = make(
      "div",
      { class: "p-slider", role: "slider", tabindex: "0", "aria-label": "Place in the dialogue", "aria-valuemin": axis.from },
      this.canvas, this.hand, this.tip,
    );
    this.slider.addEventListener("click", (event) => this.#click(event));
    this.slider.addEventListener("pointermove", (event) => this.#hover(event));
    this.slider.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.map.addEventListener("click", (event) => this.#center(axis.from + ((axis.to - axis.from) * event.offsetX) / this.map.clientWidth));
    const button = (title, sign, by) =>
      make("button", { type: "button", class: "p-button", "aria-label": title, title, onclick: () => this.zoom(by) }, sign);
    this.zooms = make("div", { class: "p-zooms" }, button("Closer", "+", 0.5), button("Farther", "−", 2), button("The whole dialogue", "whole", 0));
    for (const kind of ["svg", "png"]) {
      const name = kind.toUpperCase();
      const save = { type: "button", class: "p-button", title: `Save the curve as ${name}`, onclick: () => saveCurve(this, kind) };
      this.zooms.append(make("button", save, name));
    }
    this.element = make("div", { class: "p-line" }, this.slider, this.map, this.#legend());
  }

  #legend() {
    const inner = this.data.emotions.map((name, number) => {
      const mark = make("i");
      mark.style.background = this.data.colours[number];
      return make("span", {}, mark, name);
    });
    return make("div", { class: "p-legend" }, ...inner, make("span", { class: "p-hint" }, HINT), this.zooms);
  }

  zoom(by) {
    const { from, to } = this.axis;
    const wide = by ? Math.min((this.window[1] - this.window[0]) * by, to - from) : to - from;
    const low = Math.min(Math.max(this.cursor - wide / 2, from), to - wide);
    this.window = [low, low + wide];
    this.draw();
  }

  #center(place) {
    const half = (this.window[1] - this.window[0]) / 2;
    const middle = Math.min(Math.max(place, this.axis.from + half), this.axis.to - half);
    this.window = [middle - half, middle + half];
    this.draw();
  }

  move(place, chosen) {
    this.cursor = place;
    if (place > this.window[1] || place < this.window[0]) this.#center(place);
    const told = this.axis.turns[chosen];
    this.slider.setAttribute("aria-valuenow", place.toFixed(2));
    this.slider.setAttribute("aria-valuetext", this.axis.tell(place) + (told ? `, utterance ${told.n ?? "–"}` : ""));
    if (chosen !== this.chosen) {
      this.chosen = chosen;
      this.draw();
    }
    this.hand.style.transform = `translateX(${this.x(place)}px)`;
  }

  draw() {
    if (!this.slider.clientWidth) return;
    this.paint((...size) => sized(this.canvas, ...size), getComputedStyle(this.slider), this.slider.clientWidth, this.chosen);
    this.hand.style.height = `${this.height - FOOT}px`;
    this.hand.style.transform = `translateX(${this.x(this.cursor)}px)`;
    this.slider.setAttribute("aria-valuemax", this.axis.to.toFixed(2));
    this.#drawMap();
  }

  // All of the dialogue, below a part of it.
  #drawMap() {
    const whole = this.window[1] - this.window[0] >= (this.axis.to - this.axis.from) * 0.999;
    this.map.hidden = whole;
    if (whole) return;
    const wide = this.map.parentElement.clientWidth;
    const context = sized(this.map, wide, MAP);
    const x = (place) => (wide * (place - this.axis.from)) / (this.axis.to - this.axis.from);
    this.axis.turns.forEach((turn, number) => {
      const [from, to] = this.axis.span(number);
      const best = likeliest(turn.p[this.data.models[0]]);
      if (best === null) return;
      context.fillStyle = this.data.colours[best];
      context.fillRect(x(from), 3, Math.max(x(to) - x(from), 1), MAP - 6);
    });
    context.strokeStyle = this.ink;
    context.lineWidth = 2;
    context.strokeRect(x(this.window[0]) + 1, 1, Math.max(x(this.window[1]) - x(this.window[0]) - 2, 4), MAP - 2);
  }

  // The face below the pointer, or -1.
  #faceAt(event) {
    const row = this.rows.find((each) => each.person !== undefined && event.offsetY >= each.top && event.offsetY < each.bottom);
    if (!row) return -1;
    const { person, time, turn } = this.axis.faces;
    let found = -1, nearest = 10;
    person.forEach((who, face) => {
      if (who !== row.person) return;
      const far = Math.abs(this.x(this.axis.place(turn[face], time[face])) - event.offsetX);
      if (far < nearest) [found, nearest] = [face, far];
    });
    return found;
  }

  #click(event) {
    if (event.offsetX < this.left) return;
    const face = this.#faceAt(event);
    const { time, turn } = this.axis.faces;
    if (face >= 0) this.go(this.axis.place(turn[face], time[face]), turn[face]);
    else this.go(this.place(event.offsetX));
  }

  #hover(event) {
    this.tip.hidden = event.offsetX < this.left || event.pointerType === "touch";
    if (this.tip.hidden) return;
    const place = this.place(event.offsetX), face = this.#faceAt(event), { faces, turns } = this.axis;
    const turn = turns[this.axis.find(place).number];
    if (face >= 0) {
      this.tip.textContent = `${faces.names[faces.name[face]]}, ${this.data.emotions[faces.emotion[face]]} ${faces.sure[face]}%`;
    } else {
      const model = this.rows.find((row) => row.model && event.offsetY < row.bottom)?.model ?? this.data.models[0];
      const best = turn && likeliest(turn.p[model]);
      const answer = turn ? (best === null ? "no answer" : `${this.data.emotions[best]} ${Math.round(turn.p[model][best] / 10)}%`) : "";
      this.tip.textContent = [this.axis.tell(place), turn?.who, answer].filter(Boolean).join(", ");
    }
    this.tip.style.left = `${Math.min(event.offsetX + 12, this.width - 180)}px`;
    this.tip.style.top = `${event.offsetY + 14}px`;
  }
}
